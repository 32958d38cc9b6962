# SPDX-License-Identifier: GPL-2.0-or-later
"""A forged segment that the kernel ignored says why it was ignored: the captures of the stored set in which one segment
was forged, and those in which many were at random, seen from the middle. What the kernel did with a segment is read
from the truth and from what its owner acknowledged, not from the plugin."""

import os
import re
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from kerneltruth import batch, packet, stored, tshark  # noqa: E402
from kerneltruth.judge import read_truth, truth_path  # noqa: E402

BUILD = Path(os.environ.get("TCPSTATE_BUILD", HERE.parents[1] / "build"))
KINDS = ("violation", "anomaly", "artifact")  # milestones are no reasons
SEPARATOR = "\x1f"
OPTION_WINDOW_SCALE = 3

# Forged segments that were ignored and about which nothing can be said, by what was forged, and why. A pure ACK that
# any honest host could have sent is none of them: there was nothing in it to ignore.
EXCEPTIONS = {}
# Findings about the whole capture, and what says that the segment was taken.
NO_REASONS = {"capture_ends_open", "roles_guessed", "window_scale_unknown", "close_wait_stuck", "connection_aborted"}
# Told once per connection and sender: a later segment with the same defect relies on the first that told it.
ONCE = {"ts_missing": lambda segment: segment.tsval is None}
# So many were ignored when the set was recorded: a test that finds none proves nothing.
AT_LEAST = {"one": 135, "random": 521}
ONE, RANDOM = re.compile(r"forged-[a-z]"), re.compile(r"forged-\d+\.")


@dataclass
class Forged:
    capture: str
    frame: int
    reasons: list
    excused: bool  # nothing in it could be ignored: see could_be_honest

    @property
    def what(self):
        """Such as rst-exact: the name without the end it went to and without the variant."""
        name = self.capture.removeprefix("forged-").split(".")[0]
        return re.sub(r"-to-(server|client)$", "", name)


def was_ignored(rows, segments, index):
    """Its receiver stayed in its state and took none of its octets: not at once, not behind a hole that was filled."""
    frame, sender, receiver, _, state = rows[index][:5]
    forged = segments[int(frame)]
    before = next((row[3 + (row[2] == receiver)] for row in reversed(rows[:index]) if receiver in row[1:3]), state)
    if state != before:
        return False
    length = len(forged.payload) + bool(forged.flags & packet.FIN)
    if length == 0 or forged.flags & (packet.SYN | packet.RST):
        return True
    known = [segments[int(row[0])].end for row in rows[:index]  # all that there is before the first acknowledgment
             if row[1] == sender and row[5] != "forged" and segments[int(row[0])].flags & packet.SYN]
    known += [ack for _, ack in acknowledged(rows[:index], segments, receiver)]
    honest = next((int(row[0]) for row in rows[index + 1:] if row[1] == sender and row[5] != "forged"), 1 << 32)
    if known and packet.seq_diff(forged.seq + length, known[-1]) <= 0:
        return True
    behind_hole = known and packet.seq_diff(forged.seq, known[-1]) > 0
    ends = {segments[int(row[0])].end for row in rows if row[1] == sender and row[5] != "forged"}
    for at, ack in acknowledged(rows[index + 1:], segments, receiver):
        beyond = packet.seq_diff(ack, forged.seq + length)
        if 0 <= beyond < 1 << 20 and (behind_hole or at < honest or (beyond == 0 and ack not in ends)):
            return False
    return True


def could_be_honest(rows, segments, index):
    """A pure ACK in the window of what its receiver had sent, such as honest hosts send and repeat: the kernel may well
    have looked at all of it, and no observer can tell it from an honest one."""
    frame, sender, receiver = rows[index][:3]
    forged = segments[int(frame)]
    known, told = acknowledged(rows[:index], segments, receiver), acknowledged(rows[:index], segments, sender)
    sent = [segments[int(row[0])].end for row in rows[:index] if row[1] == receiver and row[5] != "forged"]
    if forged.flags & ~packet.PSH != packet.ACK or not known or not told:
        return False
    edge = max((packet.seq_diff(ack + window_of(segments[at], rows, segments), known[-1][1]) for at, ack in known))
    not_beyond = any(packet.seq_diff(end, forged.ack) >= 0 for end in sent)
    return (0 <= packet.seq_diff(forged.seq, known[-1][1]) <= edge and not_beyond
            and packet.seq_diff(told[-1][1], forged.ack) < 1 << 16)


def window_of(segment, rows, segments):
    """In octets: RFC 7323 2.2. By the first SYN and SYN,ACK of the capture."""
    syns = [segments[int(row[0])] for row in rows if row[5] != "forged" and segments[int(row[0])].flags & packet.SYN][:2]
    own = [syn for syn in syns if (syn.src, syn.sport) == (segment.src, segment.sport)]
    scaled = not segment.flags & packet.SYN and own and all(OPTION_WINDOW_SCALE in syn.options for syn in syns)
    return segment.window << (own[0].options[OPTION_WINDOW_SCALE][0] if scaled else 0)


def acknowledged(rows, segments, end):
    """(frame, number) of each acknowledgment that `end` really sent."""
    return [(int(row[0]), segments[int(row[0])].ack) for row in rows
            if row[1] == end and row[5] != "forged" and segments[int(row[0])].flags & packet.ACK]


def findings_of(runner, captures, folder):
    """For each capture {frame: [(finding, cause frame or None)]} of a later pass, without milestones."""
    merged = folder / "merged.pcap"
    counts = batch.merge(captures, merged)
    merged.chmod(0o644)
    fields = [f"tcpstate.{kind}" for kind in KINDS] + ["tcpstate.cause_frame"]
    output = runner.run("-r", str(merged), "-2", "-o", "tcp.check_checksum:TRUE", "-T", "fields", "-E", "separator=/t",
                        "-E", f"aggregator={SEPARATOR}", *(word for field in fields for word in ("-e", field)))
    lines, found = iter(output.split("\n")), []
    start = 0
    for count in counts:
        own = {}
        for frame in range(1, count + 1):
            cells = [cell.split(SEPARATOR) if cell else [] for cell in next(lines).split("\t")]
            own[frame] = ([id for ids in cells[:-1] for id in ids], [int(cause) - start for cause in cells[-1]])
        found.append(own)
        start += count
    return found


def tcp_of(raw):
    _, _, protocol, start = packet.split_ip(raw)
    return packet.parse_tcp(raw) if protocol == packet.PROTOCOL_TCP else None


@pytest.fixture(scope="module")
def ignored():
    with tempfile.TemporaryDirectory(prefix="tcpstate-") as folder:
        scratch = Path(folder)
        scratch.chmod(0o755)  # pytest's own folders are closed to the user that tshark runs as
        yield ignored_in(scratch)


def ignored_in(scratch):
    runner = tshark.Runner(BUILD / "plugins", scratch)
    runner.assert_plugin()
    captures = sorted(stored.unpack(scratch / "stored").glob("forged-*.middle.pcap"))
    return [forged for capture, told in zip(captures, findings_of(runner, captures, scratch))
            for forged in ignored_of(capture, told)]


def ignored_of(capture, told):
    """The segments of one capture that were forged and ignored. `told`: see findings_of."""
    rows = read_truth(truth_path(capture))[1]
    segments = {number: tcp_of(raw) for number, (_, raw) in enumerate(batch.read_pcap(capture), 1)}
    for index, row in enumerate(rows):
        if row[5] != "forged" or not was_ignored(rows, segments, index):
            continue
        frame = int(row[0])
        reasons = told[frame][0] + [id for later, (ids, causes) in told.items() if later > frame and frame in causes
                                    for id in ids]
        reasons += [id for id, is_same in ONCE.items() if is_same(segments[frame])
                    and any(id in told[int(before[0])][0] for before in rows[:index] if before[1] == row[1])]
        yield Forged(capture.name.removesuffix(".middle.pcap"), frame, [id for id in reasons if id not in NO_REASONS],
                     could_be_honest(rows, segments, index))


@pytest.mark.parametrize("kind, pattern", [("one", ONE), ("random", RANDOM)])
def test_ignored_segments_say_why(ignored, kind, pattern):
    found = [forged for forged in ignored if pattern.match(forged.capture + ".")]
    silent = [(forged.capture, forged.frame) for forged in found
              if not forged.reasons and not forged.excused and forged.what not in EXCEPTIONS]
    told = sum(bool(forged.reasons) for forged in found)
    print(f"{len(found)} forged segments were ignored, {told} of them say why")
    assert len(found) >= AT_LEAST[kind] and told >= 0.95 * len(found)
    assert silent == []


def test_no_exception_is_out_of_date(ignored):
    assert sorted(set(EXCEPTIONS) - {forged.what for forged in ignored
                                     if not forged.reasons and not forged.excused}) == []
