# SPDX-License-Identifier: GPL-2.0-or-later
"""Every ordered pair of TCP flag bytes as a capture of two segments, client then server and the same sender twice.

The 3,969 pairs of the combinations of FIN to URG that are not empty, and those with the empty one too; each is a
connection of its own in one capture. A header that contradicts itself is named, on no other is such a thing said, and
the engine alone, tshark and tshark -2 say the same.
"""

import itertools
import os
import types

import pytest

from support import frames, pcap
from support import scenario as language
from support import scenario_run as run
from support.env import *  # noqa: F401,F403
from support.frames import ACK, FIN, RST, SYN, URG

FINDINGS = language.read_findings()
STEP_NS = 2_500_000  # all within the minute after which CLOSE-WAIT is called stuck
BYTES = range(64)  # FIN, SYN, RST, PSH, ACK, URG
CLIENT, SERVER = "192.0.2.1", "198.51.100.2"
KINDS = ("violation", "anomaly", "milestone", "artifact")

# The rows that look at the flags of one header only: id, flags that are set, flags that are clear.
HEADER_ROWS = [
    ("syn_rst", SYN | RST, 0),
    ("syn_fin", SYN | FIN, ACK | RST),
    ("synack_fin", SYN | FIN | ACK, RST),
    ("syn_urg", SYN | URG, RST),
    ("rst_fin", RST | FIN, 0),
    ("ack_flag_missing", 0, SYN | RST | ACK),
]
HEADER_IDS = {id for id, _, _ in HEADER_ROWS}
# What an honest host sends, by RFC 9293 3.10: with PSH and, where there is ACK and no SYN, with URG, if it likes.
LEGAL = {base | extra for base in (SYN, SYN | ACK, ACK, FIN | ACK, RST, RST | ACK) for extra in (0, frames.PSH)} | {
    base | URG | extra for base in (ACK, FIN | ACK) for extra in (0, frames.PSH)}


def due(flags):
    return {id for id, are_set, are_clear in HEADER_ROWS if flags & are_set == are_set and not flags & are_clear}


def pairs():
    return [(first, second, same) for same in (False, True) for first, second in itertools.product(BYTES, BYTES)]


def segments():
    """Numbers as whoever sends such flags would choose them. IPv4 identifications differ, so nothing is a copy."""
    made = []
    for number, (first, second, same) in enumerate(pairs()):
        ports = (49152 + number % 16000, 49152 + number // 16000)
        after = 1000 + bool(first & SYN) + bool(first & FIN)
        for index, flags in enumerate((first, second)):
            back = index == 1 and not same
            again = first & second & FIN  # a FIN stays where it is
            seq = 5000 if back else after if index and not again else 1000
            ack = (after if back else 5001) if flags & ACK else 0
            made.append(segment(len(made), flags, seq, ack, ports, back))
    return made


def segment(index, flags, seq, ack, ports, back):
    ends = [types.SimpleNamespace(address=address, port=port, endpoint=f"{address}:{port}")
            for address, port in ((CLIENT, ports[0]), (SERVER, ports[1]))]
    if back:
        ends.reverse()
    sender, receiver = ends
    urgent = 1 if flags & URG else 0
    header = frames.tcp_segment(sender.address, receiver.address, sender.port, receiver.port, seq=seq, ack=ack,
                                flags=flags, window=64240, urgent=urgent)
    ip_id = index % 65535 + 1
    frame = frames.ethernet(frames.ip_packet(sender.address, receiver.address, header, identification=ip_id))
    return types.SimpleNamespace(
        sender=sender, receiver=receiver, facts={}, bad_checksum=False, is_cut=False,
        time_ns=10**18 + index * STEP_NS, flags=flags, seq=seq, ack=ack, length=0, window=64240, urgent=urgent,
        header_digest=index, ip_id=ip_id, ttl=64, frame=frame)


SEGMENTS = segments()


def from_engine(*arguments):
    """The findings of each segment, in order. Without sanitizers: with them it takes most of a minute."""
    text = "".join(run.segment_line(made, index + 1, index // 2) for index, made in enumerate(SEGMENTS))
    return [[word.removeprefix("finding=") for word in line.split("\t") if word.startswith("finding=")]
            for line in run.engine_output(text, arguments, sanitized=False).splitlines()]


@pytest.fixture(scope="module")
def engine():
    return {"first": from_engine(), "later": from_engine("--settled")}


def from_tshark(tshark, folder, *arguments):
    folder.chmod(0o755)
    capture = folder / "flags.pcap"
    pcap.write_pcap(capture, [(made.time_ns, made.frame) for made in SEGMENTS])
    os.chmod(capture, 0o644)
    output = tshark("-n", "-r", str(capture), *arguments, "-T", "fields", "-e", "tcpstate.finding",
                    *(word for kind in KINDS for word in ("-e", f"tcpstate.{kind}"))).stdout
    rows = [[cell.split(",") if cell else [] for cell in line.split("\t")] for line in output.split("\n")[:-1]]
    for findings, *by_kind in rows:
        assert sorted(findings) == sorted(id for ids in by_kind for id in ids)
    return [row[0] for row in rows]


def without_final(findings):
    return [[id for id in ids if FINDINGS[id].frequency != "final"] for ids in findings]


def differences(found, wanted):
    return [f"{pairs()[index // 2]}, segment {index % 2}: {left} instead of {right}"
            for index, (left, right) in enumerate(zip(found, wanted, strict=True)) if left != right]


def test_the_pairs_are_all_there():
    assert len([pair for pair in pairs() if pair[0] and pair[1]]) == 2 * 3969
    assert len(SEGMENTS) == 2 * len(pairs()) == 4 * 64 * 64


def test_illegal_headers_are_named_and_no_others(engine):
    found = [set(ids) & HEADER_IDS for ids in engine["first"]]
    assert differences(found, [due(made.flags) for made in SEGMENTS]) == []


def test_legal_flags_are_not_called_illegal():
    assert [flags for flags in LEGAL if due(flags)] == []
    # What is neither: RST with URG, which nobody looks at.
    assert {flags for flags in BYTES if not due(flags)} - LEGAL == {RST | URG | extra | ack
                                                                    for extra in (0, frames.PSH) for ack in (0, ACK)}


def test_two_legal_headers_break_no_rule(engine):
    broken = [(pair, ids) for index, pair in enumerate(pairs()) if {pair[0], pair[1]} <= LEGAL
              for ids in engine["first"][2 * index:2 * index + 2]
              if any(FINDINGS[id].kind == "violation" for id in ids)]
    assert broken == []


def test_a_later_pass_only_adds_what_the_end_tells(engine):
    assert differences(without_final(engine["later"]), engine["first"]) == []


@pytest.mark.parametrize("name, arguments", [("first", []), ("later", ["-2"])], ids=["tshark", "tshark-2"])
def test_tshark_says_the_same(engine, tshark, tmp_path, name, arguments):
    assert differences(from_tshark(tshark, tmp_path, *arguments), engine[name]) == []
