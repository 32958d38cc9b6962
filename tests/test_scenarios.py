# SPDX-License-Identifier: GPL-2.0-or-later
"""Every scenario through the engine alone and through tshark. And laws about the set of scenarios."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from support import frames  # noqa: E402
from support import scenario as language  # noqa: E402
from support import scenario_run as run  # noqa: E402
from support.env import *  # noqa: E402,F401,F403

FINDINGS = language.read_findings()
PATHS = run.scenario_paths()
PENDING = run.SCENARIOS / "pending.txt"
ALSO_FINAL = {"close_wait_stuck"}  # told by the next segment, and if there is none, in the end

# All tests of a scenario in one worker, so that the engine runs it once.
CASES = [pytest.param(path, id=path.stem, marks=pytest.mark.xdist_group(path.stem)) for path in PATHS]


# What tshark prints is the same as from the engine for each scenario. That one pass prints it too, and that the plugin can
# say so in another version of Wireshark, those named for a finding show, which raise it: all fields are in them, and each
# expert info that a scenario can raise.
THROUGH_TSHARK = [
    pytest.param(*case.values, later_pass, id=f"{case.id}-{'tshark-2' if later_pass else 'tshark'}",
                 marks=[*case.marks, *([] if raises else [pytest.mark.engine])])
    for case in CASES for raises in [case.id in FINDINGS] for later_pass in (False, True) if raises or later_pass]


def read(path):
    return language.read_scenario(path, FINDINGS)


def report(scenario, rows, found):
    """Fails with what is wrong and the whole transcript."""
    if found:
        pytest.fail("\n".join([*found, "", run.ladder(scenario, rows)]), pytrace=False)


@pytest.mark.engine
@pytest.mark.parametrize("later_pass", [False, True], ids=["first-pass", "settled"])
@pytest.mark.parametrize("path", CASES)
def test_engine_alone(path, later_pass):
    scenario = read(path)
    rows = run.run_engine(scenario, later_pass)
    report(scenario, rows, run.failures(scenario, rows, later_pass, FINDINGS))


@pytest.mark.engine
@pytest.mark.parametrize("path", CASES)
def test_a_later_pass_only_adds(path):
    """Only the last words may differ, and findings that only the end can tell may be added."""
    scenario = read(path)
    first, later = run.run_engine(scenario), run.run_engine(scenario, later_pass=True)
    kinds = ("finding", "violation", "anomaly", "milestone", "artifact")
    for row in (*first, *later):
        if "finding" in row:
            row["finding.text"] = [text for id, text in zip(row["finding"], row["finding.text"], strict=True)
                                   if FINDINGS[id].frequency != "final" and id not in ALSO_FINAL]
        for name in kinds:
            row[name] = [id for id in row.get(name, []) if FINDINGS[id].frequency != "final" and id not in ALSO_FINAL]
    found = [text for text in run.differences(first, later, False, ("the first pass", "a later one"))
             if not any(f"tcpstate.{name}:" in text for name in ("outcome", "conn_state", "cause_frame", "story_frame"))]
    report(scenario, later, found)


@pytest.mark.engine
@pytest.mark.parametrize("path", CASES)
def test_what_settles_otherwise_is_contradicted_by_a_segment(path):
    """`contradicted_in` stands exactly where `settled` differs, and is no earlier segment."""
    scenario = read(path)
    rows = run.run_engine(scenario, later_pass=True)
    found = []
    for frame, row in enumerate(rows, 1):
        differs = any(row.get(f"{role}.settled") != row.get(f"{role}.state") for role in ("client", "server"))
        by = [int(value) for value in row.get("contradicted_in", [])]
        if differs != bool(by) or any(value < frame for value in by):
            found.append(f"frame {frame}: settled differs: {differs}, contradicted in {by}")
    report(scenario, rows, found)


@pytest.mark.engine
@pytest.mark.parametrize("path", CASES)
def test_the_last_words_of_a_later_pass_agree(path):
    """Who closed, how, and what became of it: the same on every segment of a connection, and one story."""
    scenario = read(path)
    rows = run.run_engine(scenario, later_pass=True)
    words, found = {}, []
    for row in rows:
        told = tuple(row.get(name, [""])[0] for name in ("outcome", "closed_by.settled", "close.kind.settled"))
        if words.setdefault(row["connection"][0], told) != told:
            found.append(f"connection {row['connection'][0]}: {words[row['connection'][0]]}, then {told}")
    for outcome, closed_by, kind in words.values():
        expected = {"closed": ("four-way", "three-segment", "simultaneous"), "refused": ("reset", "fin-reset"),
                    "reset": ("reset", "fin-reset")}.get(outcome, ("",))
        if kind not in expected or (kind and not closed_by) or (kind == "simultaneous" and closed_by != "both"):
            found.append(f"{outcome}, {kind}, closed by {closed_by}")
    report(scenario, rows, found)


@pytest.mark.parametrize("name", ["reset-of-another-clock", "sack-leaves-a-second-hole", "fin-first-text-later"])
def test_a_capture_may_begin_at_time_0(name, tshark):
    scenario = read(run.SCENARIOS / f"{name}.tcp")
    expected = run.run_engine(scenario, later_pass=True)
    scenario.begin_at(0)
    rows = run.run_tshark(scenario, tshark, later_pass=True)
    report(scenario, rows, run.differences(expected, rows, True))


@pytest.mark.parametrize("path, later_pass", THROUGH_TSHARK)
def test_tshark_says_the_same(path, later_pass, tshark):
    scenario = read(path)
    rows = run.run_tshark(scenario, tshark, later_pass)
    found = run.failures(scenario, rows, later_pass, FINDINGS)
    found += run.differences(run.run_engine(scenario, later_pass), rows, later_pass)
    report(scenario, rows, found)


# ---- every edge of RFC 9293 figure 5 is taken in some scenario

# The edges that a segment or the 2MSL timer causes. A step that no segment shows (OPEN and CLOSE calls in LISTEN) is
# none of them. SYN-SENT to ESTABLISHED and so on: what one captured segment moves.
EDGES = """
CLOSED       SYN-SENT      active OPEN, snd SYN
LISTEN       SYN-SENT      SEND, snd SYN
LISTEN       SYN-RECEIVED  rcv SYN, snd SYN,ACK
SYN-SENT     SYN-RECEIVED  rcv SYN, snd SYN,ACK
SYN-SENT     ESTABLISHED   rcv SYN,ACK, snd ACK
SYN-SENT     CLOSED        refused; given up
SYN-RECEIVED LISTEN        rcv RST (note 1)
SYN-RECEIVED CLOSED        rcv RST, after an active OPEN
SYN-RECEIVED ESTABLISHED   rcv ACK of SYN
SYN-RECEIVED FIN-WAIT-1    CLOSE, snd FIN
ESTABLISHED  FIN-WAIT-1    CLOSE, snd FIN
ESTABLISHED  CLOSE-WAIT    rcv FIN, snd ACK
FIN-WAIT-1   FIN-WAIT-2    rcv ACK of FIN
FIN-WAIT-1   CLOSING       rcv FIN, snd ACK
FIN-WAIT-1   TIME-WAIT     note 2
FIN-WAIT-2   TIME-WAIT     rcv FIN, snd ACK
CLOSING      TIME-WAIT     rcv ACK of FIN
CLOSE-WAIT   LAST-ACK      CLOSE, snd FIN
LAST-ACK     CLOSED        rcv ACK of FIN
TIME-WAIT    CLOSED        Timeout=2MSL
"""


def expected_moves(scenario):
    """(before, after) of each endpoint at each segment, by what the scenario expects and not by what came out."""
    now = {}
    for segment in scenario.segments:
        before = next((value for _, what, value in segment.checks if what == "before"), None)
        for index, peer in enumerate(segment.peers):
            opening = "CLOSED" if peer.name == segment.sender.name else "LISTEN"
            was = before[index] if before else now.get(peer.endpoint, opening)
            yield was, segment.states[index]
            now[peer.endpoint] = segment.states[index]


def test_every_edge_of_figure_5_is_taken():
    moves = {move for path in PATHS for move in expected_moves(read(path))}
    edges = {tuple(line.split()[:2]) for line in EDGES.strip().splitlines()}
    assert sorted(edges - moves) == []


# ---- every finding has a scenario that raises it and a twin that almost does


def covered():
    scenarios = {path.stem: read(path) for path in PATHS}
    words = {name: {word for segment in scenario.segments
                    for word in (*segment.findings, *(word for _, what, value in segment.checks if what == "finally"
                                                      for word in value))}
             for name, scenario in scenarios.items()}
    return {finding for finding in FINDINGS if finding in words.get(finding, ()) and f"{finding}-not" in scenarios}


def test_every_finding_is_covered_or_known_to_be_pending():
    lines = [line.split("#")[0].strip() for line in PENDING.read_text().splitlines()]
    pending = {line for line in lines if line}
    assert sorted(pending - set(FINDINGS)) == [], "no such findings: take them out of pending.txt"
    assert sorted(pending & covered()) == [], "covered by now: take them out of pending.txt"
    assert sorted(set(FINDINGS) - covered() - pending) == [], "write NAME.tcp and NAME-not.tcp"


# ---- the language itself

HEAD = "scenario x\nabout y\npeer A 192.0.2.1:49152 isn 1000\npeer B 198.51.100.2:49153 isn 5000\n"
SYN = "  +0 A>B S 0:0(0) 64240 | SYN-SENT SYN-RECEIVED"


def parse(text):
    return language.parse_scenario("x.tcp", HEAD + text, FINDINGS)


@pytest.mark.parametrize("text, message", [
    ("wonder what\n" + SYN, "x.tcp:5: unknown word 'wonder'"),
    ("  +0 A>B S 0:1(0) 64240 | SYN-SENT SYN-RECEIVED", "x.tcp:5: 0 and 0 octets end at 0, not at 1"),
    ("  +0 A>C S 0:0(0) 64240 | SYN-SENT SYN-RECEIVED", "x.tcp:5: no peer 'C'"),
    ("  +0 A>B X 0:0(0) 64240 | SYN-SENT SYN-RECEIVED", "x.tcp:5: unknown flag 'X'"),
    ("  +0 A>B S 0:0(0) 64240 ws 7 scale 7 | SYN-SENT SYN-RECEIVED", "x.tcp:5: unknown word 'scale'"),
    ("  +0 A>B S 0:0(0) 64240 | SYN-SENT SYN-RCVD", "x.tcp:5: unknown state 'SYN-RCVD'"),
    ("  +0 A>B S 0:0(0) 64240 | SYN-SENT", "x.tcp:5: two states stand after '|'"),
    (SYN + " ! no_such_finding", "x.tcp:5: unknown finding 'no_such_finding'"),
    (SYN + "\n\n  setp handshake 1/3", "x.tcp:7: unknown word 'setp'"),
    (SYN + "\n  certainty sure sure", "x.tcp:6: 'certainty' wants a word for each peer, of: "
                                      "unknown, inferred, assumed, proved"),
    ("  +0 A>B . 0:0(0) 64240 | SYN-SENT SYN-RECEIVED", "x.tcp:5: no window"),
    ("  +0 A>B S 0:0(0) | SYN-SENT SYN-RECEIVED", "x.tcp:5: no window"),
    ("pref mls 30\n" + SYN, "x.tcp:5: a preference is one of msl, checksum and its value"),
    ("peer C 10.0.0.1:49152 isn 1\n" + SYN, "x.tcp:5: 10.0.0.1 is not an address for documentation"),
    ("", "x.tcp:5: no segment"),
])
def test_what_the_language_does_not_know_is_an_error(text, message):
    with pytest.raises(language.ScenarioError) as error:
        parse(text)
    assert str(error.value) == message


def test_numbers_count_from_the_isn_and_wrap():
    scenario = language.parse_scenario("x.tcp", """
scenario x
about    The ISN of A is the last number before the wrap.
peer A   192.0.2.1:49152 isn 4294967295
peer B   [2001:db8::2]:49153 isn 5
  +0     A>B S. 0:0(0) 1 64240 mss 1460 ws 7 | SYN-SENT SYN-RECEIVED
  +0.5   A>B .  1:11(10) -5 64240 ts 7 8 sack -1:3,=7:=8 | SYN-SENT SYN-RECEIVED
""".replace("192.0.2.1", "[2001:db8::1]"), FINDINGS)
    first, second = scenario.segments
    assert (first.seq, first.ack, first.ip_id, first.window) == (4294967295, 6, language.ID_STEP, 64240)
    assert (second.seq, second.ack, second.length, second.facts["sack"]) == (0, 0, 10, [(4, 8), (7, 8)])
    assert second.time_ns - first.time_ns == 500_000_000


def test_frames_hold_what_the_scenario_says():
    segment = parse("  +0 A>B SE 0:0(0) 64240 mss 1460 ws 7 sackok ts 1 2 | SYN-SENT SYN-RECEIVED").segments[0]
    frame = segment.frame
    assert frame[12:14] == b"\x08\x00" and frame[23] == 6
    assert frames.checksum(frame[14:34]) == 0
    pseudo = frame[26:34] + b"\0\6" + (len(frame) - 34).to_bytes(2, "big")
    assert frames.checksum(pseudo + frame[34:]) == 0
    assert frame[54:] == bytes.fromhex("020405b4 030307 0402 080a0000000100000002 01".replace(" ", ""))


@pytest.mark.parametrize("text, message", [
    ("0 0 1 1 0 0x02 7\n", "line 1: not a number, or too large"),
    ("# comment\n0 2 1 1 0 0x02" + " 0" * 17 + "\n", "line 2: not a number, or too large"),
    ("0 0 1 1 0 0x02" + " 0" * 17 + " 9\n", "line 1: more words than expected"),
])
def test_run_segments_refuses_what_it_cannot_read(text, message):
    done = run.subprocess.run([run.engine_runner()], input=text, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"run-segments: {message}\n")
