# SPDX-License-Identifier: GPL-2.0-or-later
"""Captures of real programs, recorded by tests/captures/record: the whole annotation, from first to last segment."""

import pathlib
import re
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from support import pcap  # noqa: E402
from support.env import *  # noqa: E402,F401,F403

CAPTURES = pathlib.Path(__file__).parent / "captures"
FIELDS = ["tcp.flags", "tcpstate.connection", "tcpstate.sender.name", "tcpstate.client.state.name",
          "tcpstate.server.state.name", "tcpstate.step", "tcpstate.finding", "tcpstate.violation",
          "tcpstate.outcome.name", "tcpstate.close.kind.name", "tcpstate.closed_by.name"]
ROW = re.compile(r"\s*(\d+)\s+(client|server)\s+(\S+)\s+(\S+)\s+(\S+)\s+(-|\D+? \d[+\d]*/\d)(?:\s+(.*))?")
LETTERS = {"F": 0x01, "S": 0x02, "R": 0x04, "P": 0x08, ".": 0x10}


def read_expected(path):
    """[(connection, number, sender, flags, client, server, step, findings)], {connection: {field: value}}"""
    rows, ends, connection = [], {}, None
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        if found := re.match(r"connection (\d+): ", line):
            connection = found[1]
        elif line.startswith("outcome "):
            ends[connection] = dict(part.split(" ", 1) for part in line.split(", "))
        elif found := ROW.fullmatch(line):
            frame, sender, flags, client, server, step, findings = found.groups()
            step = "" if step == "-" else step
            rows.append((connection, int(frame), sender, sum(LETTERS[letter] for letter in flags), client, server, step,
                         set((findings or "").split())))
        else:
            raise ValueError(f"{path}:{number}: {line}")
    return rows, ends


def annotate(tshark, capture, *options):
    arguments = ["-n", "-r", str(capture), *options, "-T", "fields", "-E", "separator=/t", "-E", "aggregator= "]
    for field in FIELDS:
        arguments += ["-e", field]
    return [line.split("\t") for line in tshark(*arguments).stdout.split("\n")[:-1]]


@pytest.mark.parametrize("options", [(), ("-2",)], ids=["tshark", "tshark-2"])
@pytest.mark.parametrize("name", ["real-programs"])
def test_every_segment_of(name, options, tshark):
    expected, ends = read_expected(CAPTURES / f"{name}.expected")
    lines = annotate(tshark, CAPTURES / f"{name}.pcap", *options)
    assert len(lines) == len(expected)
    wrong, last = [], {}
    for row, line in zip(expected, lines):
        connection, frame, sender, flags, client, server, step, findings = row
        got_flags, *got = line[:6]
        if int(got_flags, 16) & 0x3F != flags or got != [connection, sender, client, server, step]:
            wrong.append(f"{frame}: expected {' '.join(row[2:3] + row[4:7])}, got {' '.join(got)}")
        if missing := findings - set(line[6].split()):
            wrong.append(f"{frame}: {missing} not among {line[6]}")
        if line[7]:
            wrong.append(f"{frame}: a violation in a capture of an ordinary kernel: {line[7]}")
        last[connection] = dict(zip(("outcome", "close.kind", "closed_by"), line[8:]))
    assert wrong == []
    assert last == ends


def test_first_steps_is_the_first_of_them():
    """The bundled capture of plugin/annotate: handshake, request, answer, a close in four segments."""
    _, all_frames = pcap.read_pcap(CAPTURES / "real-programs.pcap")
    link_type, frames = pcap.read_pcap(CAPTURES / "first-steps.pcap")
    assert link_type == pcap.LINK_RAW_IP
    assert frames == all_frames[:11]
