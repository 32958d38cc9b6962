# SPDX-License-Identifier: GPL-2.0-or-later
"""plugin/annotate as its user runs it: a trace, or a clear error and an exit code that is not zero."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def annotate(*arguments):
    return subprocess.run([ROOT / "plugin" / "annotate", *arguments], capture_output=True, text=True, timeout=600)


@pytest.mark.xdist_group("annotate")  # it builds in build/: one at a time
def test_the_bundled_capture_is_annotated():
    run = annotate()
    assert run.returncode == 0, run.stdout + run.stderr
    lines = [line for line in run.stdout.splitlines() if " > " in line and "ESTABLISHED" in line]
    assert any("handshake 3/3" in line for line in run.stdout.splitlines())
    assert len(lines) >= 4


@pytest.mark.xdist_group("annotate")
def test_a_missing_file_is_an_error(tmp_path):
    run = annotate(tmp_path / "none.pcap")
    assert run.returncode != 0
    assert "none.pcap" in run.stdout + run.stderr


@pytest.mark.xdist_group("annotate")
@pytest.mark.parametrize("octets", [b"this is no capture\n" * 4, b"\xd4\xc3\xb2\xa1\x02\x00\x04\x00" + b"\x00" * 8])
def test_a_damaged_capture_is_an_error(tmp_path, octets):
    capture = tmp_path / "damaged.pcap"
    capture.write_bytes(octets)
    run = annotate(capture)
    assert run.returncode != 0
    assert run.stderr.strip() or "damaged.pcap" in run.stdout


@pytest.mark.xdist_group("annotate")
def test_a_capture_cut_short_shows_what_there_is(tmp_path):
    whole = (ROOT / "tests" / "captures" / "first-steps.pcap").read_bytes()
    capture = tmp_path / "cut.pcap"
    capture.write_bytes(whole[:-10])
    run = annotate(capture)
    assert run.returncode != 0
    assert "handshake 3/3" in run.stdout
    assert "cut short" in (run.stdout + run.stderr).lower()
