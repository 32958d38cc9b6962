# SPDX-License-Identifier: GPL-2.0-or-later
"""The plugin's states against those that a Linux kernel had: the stored set everywhere, a new recording where this is
root with tracefs. The limits are what was reached, less what two recordings differ by; they may only rise."""

import os
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
PLUGINS = HERE.parents[1] / "build" / "plugins"
# percent of rows, by category
MIN_FIRST = {"ordinary": 98.6, "random": 98.7, "forged": 97.5, "scripted": 94.2}
MIN_SETTLED = {"ordinary": 99.6, "random": 99.6, "forged": 99.1, "scripted": 97.0}
MIN_FIRST_MIDDLE = {"ordinary": 99.2, "random": 99.8, "forged": 97.3, "scripted": 96.0}
MIN_SETTLED_MIDDLE = {"ordinary": 99.8, "random": 99.8, "forged": 99.8, "scripted": 99.0}
# runs whose captures at the two ends tell different stories, although both could have known
MAX_STORIES = {"ordinary": 0, "random": 0, "scripted": 0, "forged": 4}


def limits(first, settled):
    options = [f"--min-first={category}={percent}" for category, percent in first.items()]
    return options + [f"--min-settled={category}={percent}" for category, percent in settled.items()]


def compare(*arguments):
    run = subprocess.run([HERE / "compare", "--plugins", PLUGINS, *arguments], capture_output=True, text=True, timeout=900)
    print(run.stdout[-6000:], run.stderr[-2000:])
    return run


def test_stored_captures_from_every_view():
    stories = [f"--max-stories={category}={number}" for category, number in MAX_STORIES.items()]
    assert compare("--max-warnings=0", "--max-proved-wrong=0", "--scenarios=20", *stories, f"--reasons={HERE / 'misses.tsv'}",
                   *limits(MIN_FIRST, MIN_SETTLED)).returncode == 0


def test_stored_captures_from_the_middle():
    assert compare("--only=middle", "--scenarios=20", *limits(MIN_FIRST_MIDDLE, MIN_SETTLED_MIDDLE)).returncode == 0


def test_a_limit_that_is_missed_fails():
    assert compare("--only=close-client.middle", "--min-first=ordinary=100.1").returncode == 1


def test_a_miss_without_a_reason_fails(tmp_path):
    table = tmp_path / "misses.tsv"
    table.write_text("run\tviews\ttruth\tsettled\treason\n")
    table.with_suffix(".md").write_text("")
    run = compare("--only=deferred-accept-with-data.middle", f"--reasons={table}")
    assert run.returncode == 1 and "without a reason" in run.stdout


def test_stories_that_differ_without_excuse_fail():
    assert compare("--only=forged-syn-in-syn-sent.end-", "--max-stories=0").returncode == 1


def test_a_new_recording_agrees(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("a recording needs root: network namespaces, TUN devices, tracepoints")
    if not Path("/dev/net/tun").exists():
        pytest.skip("a recording needs /dev/net/tun")
    made = subprocess.run(
        [HERE / "record", tmp_path / "runs", "--only", "close*", "--only", "reset*", "--random", "6", "--jobs", "8"],
        capture_output=True, text=True, timeout=600)
    if made.returncode != 0 and "tracefs" in made.stderr:
        pytest.skip(f"a recording needs tracefs: {made.stderr.strip().splitlines()[-1]}")
    assert made.returncode == 0, made.stdout + made.stderr
    assert compare(tmp_path / "runs", "--only=middle", "--min-first=98", "--min-settled=98.5").returncode == 0
