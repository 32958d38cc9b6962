# SPDX-License-Identifier: GPL-2.0-or-later
"""README.md says what is: its generated parts, its transcript, its filters, the files that it names."""

import re
import sys
from collections import Counter
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from support import readme_tables as tables  # noqa: E402
from support.env import *  # noqa: E402,F401,F403

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
CAPTURE = ROOT / "tests" / "captures" / "first-steps.pcap"
FINDINGS = [row[1] for row in tables.findings()]
FILTERS = re.findall(r"^\|[^|]*\| `([^`|]*)` \|$", README.partition("## Filters worth saving")[2].partition("\n## ")[0],
                     re.MULTILINE)


def test_generated_parts_are_up_to_date():
    assert sorted(name for _, name, _ in tables.PART.findall(README)) == sorted(tables.PARTS)
    assert tables.updated(README) == README, "run tests/support/readme_tables.py"


def test_every_row_of_the_sources_is_read():
    for name, rows in (("FINDING", FINDINGS), ("PEER_EVENT", tables.peer_events()), ("NO_PEER", tables.unreported())):
        text = tables.read("finding.def" if name == "FINDING" else "peers.def")
        assert len(rows) == len(re.findall(rf"^{name}\(", text, re.MULTILINE)) > 0
    assert len(tables.transitions()) == len(tables.events()) and len(tables.states()) == 12


def test_every_finding_has_its_peers_or_none():
    reported = {id for _, _, ids, _ in tables.peer_events() for id in ids}
    unreported = Counter(tables.unreported())
    assert not (reported | set(unreported)) - set(FINDINGS), "unknown to finding.def"
    assert not set(FINDINGS) - reported - set(unreported), "neither PEER_EVENT nor NO_PEER in plugin/engine/peers.def"
    assert not reported & set(unreported) and max(unreported.values()) == 1


def test_every_event_of_a_peer_has_a_finding_or_a_reason():
    events = tables.peer_events()
    assert not [event for event in events if not event[2] and not event[3]]
    assert not [event for event, times in Counter(event[:2] for event in events).items() if times > 1]


def test_finding_texts_are_readable_without_a_segment():
    for _, id, *_, english in tables.findings():
        sentence = tables.first_sentence(english)
        assert len(sentence.split()) > 2 and not re.search(r"[{}\[\]]|\s[,.;:]|  ", sentence), f"{id}: {sentence}"


def test_transcript_is_what_tshark_says(tshark):
    lines = re.findall(r"^ *(\d+) +[\d.]+ +\d+ +\S+ > \S+ +\S+ +-?\d+ (?:.*?)  ([A-Z0-9-]{6,}) +([A-Z0-9-]{6,})(?:  |$)",
                       README, re.MULTILINE)
    fields = [word for name in ("frame.number", "tcpstate.client.state.name", "tcpstate.server.state.name")
              for word in ("-e", name)]
    output = tshark("-n", "-r", CAPTURE, "-T", "fields", *fields).stdout
    assert lines == [tuple(line.split("\t")) for line in output.splitlines()] and lines


@pytest.mark.parametrize("text", FILTERS)
def test_filters_are_accepted(text, tshark):
    tshark("-n", "-2", "-r", CAPTURE, "-Y", text)


def test_there_are_filters():
    assert len(FILTERS) > 10


def test_files_that_are_named_exist():
    names = set(re.findall(r"(?:plugin|tests)/[\w./-]*\w", README)) | {f"tests/scenarios/{name}.tcp" for name in
                                                                       re.findall(r"`(zeek-[\w-]+)`", README)}
    assert not [name for name in sorted(names) if not (ROOT / name).exists()]
    assert not [path.stem for path in (ROOT / "tests" / "scenarios").glob("zeek-*.tcp") if f"`{path.stem}`" not in README]
