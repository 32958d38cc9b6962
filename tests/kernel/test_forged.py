# SPDX-License-Identifier: GPL-2.0-or-later
"""A forged segment that the kernel ignored says why it was ignored: the captures in which one segment was forged, seen
from the middle, of the stored set. What the kernel did with a segment is read from the truth and from what its owner
acknowledged, not from the plugin."""

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

# Forged segments that were ignored and about which nothing can be said, by what was forged, and why.
EXCEPTIONS = {}
# Findings about the whole capture, and what says that the segment was taken.
NO_REASONS = {"capture_ends_open", "roles_guessed", "window_scale_unknown", "close_wait_stuck", "connection_aborted"}
AT_LEAST = 136  # so many were ignored when the set was recorded: a test that finds none proves nothing


@dataclass
class Forged:
    capture: str
    frame: int
    reasons: list

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
    known = [ack for _, ack in acknowledged(rows[:index], segments, receiver)]
    honest = next((int(row[0]) for row in rows[index + 1:] if row[1] == sender and row[5] != "forged"), 1 << 32)
    covering = [at for at, ack in acknowledged(rows[index + 1:], segments, receiver)
                if 0 <= packet.seq_diff(ack, forged.seq + length) < 1 << 20]
    if not known or packet.seq_diff(forged.seq + length, known[-1]) <= 0:
        return True
    behind_hole = packet.seq_diff(forged.seq, known[-1]) > 0
    return not any(behind_hole or at < honest for at in covering)


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
    captures = [path for path in sorted(stored.unpack(scratch / "stored").glob("forged-*.middle.pcap"))
                if not re.match(r"forged-\d+\.", path.name)]
    found = []
    for capture, told in zip(captures, findings_of(runner, captures, scratch)):
        rows = read_truth(truth_path(capture))[1]
        segments = {number: tcp_of(raw) for number, (_, raw) in enumerate(batch.read_pcap(capture), 1)}
        for index, row in enumerate(rows):
            if row[5] != "forged" or not was_ignored(rows, segments, index):
                continue
            frame = int(row[0])
            reasons = told[frame][0] + [id for later, (ids, causes) in told.items() if later > frame and frame in causes
                                        for id in ids]
            reasons = [id for id in reasons if id not in NO_REASONS]
            found.append(Forged(capture.name.removesuffix(".middle.pcap"), frame, reasons))
    return found


def test_ignored_segments_say_why(ignored):
    silent = [(forged.capture, forged.frame) for forged in ignored
              if not forged.reasons and forged.what not in EXCEPTIONS]
    told = sum(bool(forged.reasons) for forged in ignored)
    assert len(ignored) >= AT_LEAST
    print(f"{len(ignored)} forged segments were ignored, {told} of them say why")
    assert silent == []


def test_no_exception_is_out_of_date(ignored):
    assert sorted(set(EXCEPTIONS) - {forged.what for forged in ignored if not forged.reasons}) == []
