# SPDX-License-Identifier: GPL-2.0-or-later
"""Counts the findings: each row of finding.def is raised in some scenario, or stands here with the reason why not; and
each one that the engine can tell has a row."""

import functools
import re
from collections import Counter

import pytest

from support import scenario as language
from support import scenario_run as run

# in one worker, so that the scenarios are run once
pytestmark = [pytest.mark.engine, pytest.mark.xdist_group("coverage")]
FINDINGS = language.read_findings()
SOURCES = sorted((run.ROOT / "plugin" / "engine").glob("*.c"))

# Rows that no scenario raises, and why. A row that nothing can raise is dead and goes out of finding.def.
REASONS = dict.fromkeys(
    ("icmp_hard_error", "icmp_soft_error", "icmp_fragmentation_needed", "icmp_late", "icmp_suspect"),
    "a scenario has no words for ICMP: tests/dissector/test_icmp.py raises it, and has what almost does")


@functools.cache
def transcripts():
    """[(scenario, later_pass, what the engine says of each segment)]"""
    scenarios = [(path.stem, language.read_scenario(path, FINDINGS)) for path in run.scenario_paths()]
    return [(name, later_pass, run.run_engine(scenario, later_pass, sanitized=False))
            for name, scenario in scenarios for later_pass in (False, True)]


@functools.cache
def raised():
    """{finding: scenarios in which the engine raises it}, of both passes."""
    found = {}
    for name, later_pass, rows in transcripts():
        for finding in {finding for row in rows for finding in row.get("finding", [])}:
            found.setdefault(finding, set()).add((name, later_pass))
    return found


def test_every_finding_is_raised_or_listed_with_a_reason():
    kinds = Counter(FINDINGS[finding].kind for finding in raised())
    print(f"{len(FINDINGS)} findings: {len(raised())} are raised in {len(run.scenario_paths())} scenarios "
          f"({', '.join(f'{count} {kind}' for kind, count in sorted(kinds.items()))}), {len(REASONS)} are listed with "
          "a reason")
    assert sorted(set(FINDINGS) - set(raised()) - set(REASONS)) == [], "neither raised nor listed"
    assert sorted(set(REASONS) & set(raised())) == [], "raised by now: take them out of the list"
    assert sorted((set(REASONS) | set(raised())) - set(FINDINGS)) == [], "no such findings"
    assert all(REASONS.values())


def test_no_finding_is_dead():
    """Some line of the engine tells it."""
    told = {id for path in SOURCES for id in re.findall(r"TCPSTATE_FINDING_(\w+)", path.read_text())}
    assert sorted(set(FINDINGS) - told) == []
    assert sorted(told - set(FINDINGS)) == []


def test_only_what_the_end_tells_needs_a_later_pass():
    assert [finding for finding, where in sorted(raised().items())
            if FINDINGS[finding].frequency != "final" and all(later for _, later in where)] == []
    assert [finding for finding, where in sorted(raised().items())
            if FINDINGS[finding].frequency == "final" and not all(later for _, later in where)] == []


def test_the_twin_does_not_raise_it():
    assert [finding for finding, where in sorted(raised().items())
            if any(name == f"{finding}-not" for name, _ in where)] == []
    scenarios = {path.stem for path in run.scenario_paths()}
    assert [finding for finding in sorted(raised()) if f"{finding}-not" not in scenarios] == []


def test_each_field_is_in_a_scenario_named_for_a_finding():
    """These go through every version of Wireshark (tests/matrix)."""
    fields, everywhere = set(), set()
    for name, _, rows in transcripts():
        found = {field for row in rows for field in row}
        fields |= found
        everywhere |= found if name in FINDINGS else set()
    assert sorted(fields - everywhere) == []
