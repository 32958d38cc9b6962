# SPDX-License-Identifier: GPL-2.0-or-later
"""Wireshark itself, in a window on a screen that nobody sees: the plugin's columns and its subtree are painted.

The pictures are left in build/results/ for a person to look at. What a program can check of them: the title is that of
the capture, the picture is not empty, and it is another one with the plugin than without.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from support import pcap, scenario, scenario_run
from support.env import BUILD

RESULTS = Path(os.environ.get("TCPSTATE_RESULTS", BUILD / "results"))
PROGRAMS = ("wireshark", "Xvfb", "openbox", "xdotool", "import", "compare", "identify")
MISSING = [program for program in PROGRAMS if not shutil.which(program)]
START_SECONDS = 60
SCREEN = "1600x1000"

pytestmark = [
    pytest.mark.skipif(bool(MISSING), reason=f"not installed here: {' '.join(MISSING)}"),
    pytest.mark.xdist_group("window"),
]

PREFERENCES = """
gui.update.enabled: FALSE
gui.ask_unsaved: FALSE
gui.qt.font_name: Monospace,10
gui.column.format:
	"No.", "%m",
	"Time", "%t",
	"Source", "%s",
	"Destination", "%d",
	"Length", "%L",
	"Client", "%Cus:tcpstate.client.state:0:R",
	"Server", "%Cus:tcpstate.server.state:0:R",
	"Step", "%Cus:tcpstate.step:0:R",
	"Info", "%i"
"""

RECENT = """
gui.byte_view_show: FALSE
column.width:
	"%m", "50",
	"%t", "110",
	"%s", "130",
	"%d", "130",
	"%L", "60",
	"%Cus:tcpstate.client.state", "130",
	"%Cus:tcpstate.server.state", "130",
	"%Cus:tcpstate.step", "160",
	"%i", "500"
"""


class Screen:
    """An X server with a window manager; programs on it run as the user that Wireshark runs as."""

    def __init__(self, wireshark):
        self.wireshark = wireshark
        self.processes = []
        self.home = wireshark.make_home()
        settings = self.home / ".config" / "wireshark"
        (settings / "preferences").write_text(PREFERENCES)
        (settings / "recent").write_text(RECENT)
        wireshark.give_away(self.home)
        reader, writer = os.pipe()
        self.start("Xvfb", "-displayfd", str(writer), "-screen", "0", f"{SCREEN}x24", "-nolisten", "tcp", pass_fds=[writer])
        os.close(writer)
        with os.fdopen(reader) as pipe:
            self.display = f":{pipe.readline().strip()}"
        assert self.display != ":", f"Xvfb does not start:\n{self.log()}"
        self.start("openbox")

    def environment(self, plugin=True):
        env = self.wireshark.environment(plugin=plugin, home=self.home)
        env.update(DISPLAY=getattr(self, "display", ""), QT_QPA_PLATFORM="xcb", NO_AT_BRIDGE="1")
        env.pop("WAYLAND_DISPLAY", None)
        return env

    def start(self, program, *args, plugin=True, **options):
        with open(self.wireshark.scratch / "window.log", "ab") as log:
            process = subprocess.Popen(
                self.wireshark.command(program, *args),
                env=self.environment(plugin),
                cwd=self.home.parent,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **options,
            )
        self.processes.append(process)
        return process

    def run(self, program, *args, check=True):
        return subprocess.run(
            self.wireshark.command(program, *args), env=self.environment(), cwd=self.home.parent,
            capture_output=True, text=True, timeout=60, check=check,
        ).stdout  # fmt: skip

    def log(self):
        return (self.wireshark.scratch / "window.log").read_text(errors="replace")

    def wait_for(self, what, found, seconds=START_SECONDS):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            result = found()
            if result:
                return result
            time.sleep(0.3)
        pytest.fail(f"waited {seconds} s in vain for {what}:\n{self.log()}")

    def window(self, title):
        """The number of the visible window that shows the capture, once it is there and as large as the screen."""

        def visible():
            numbers = self.run("xdotool", "search", "--onlyvisible", "--name", title, check=False).split()
            return numbers[-1] if numbers else None

        number = self.wait_for(f"a window with the title {title}", visible)
        width, height = SCREEN.split("x")
        self.run("xdotool", "windowmove", number, "0", "0", "windowsize", number, width, height)
        self.run("xdotool", "windowactivate", "--sync", number)
        return number

    def keys(self, *keys):
        for key in keys:
            self.run("xdotool", "key", "--clearmodifiers", key)
            time.sleep(0.2)

    def click(self, x, y):
        self.run("xdotool", "mousemove", str(x), str(y), "click", "1")
        time.sleep(0.5)

    def picture(self, name):
        """A picture of the screen once it no longer changes; its path among the results."""
        shots = [self.home.parent / f"shot-{number}.png" for number in (1, 2)]
        for shot in shots:
            shot.write_bytes(b"")
        self.wireshark.give_away(shots[0])
        self.wireshark.give_away(shots[1])

        def still():
            self.run("import", "-window", "root", shots[0])
            time.sleep(0.7)
            self.run("import", "-window", "root", shots[1])
            return differing_pixels(*shots) == 0

        self.wait_for("a picture that stays the same", still)
        RESULTS.mkdir(parents=True, exist_ok=True)
        target = RESULTS / f"{name}.png"
        shutil.copyfile(shots[1], target)
        return target

    def stop(self, process):
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(10)

    def close(self):
        for process in reversed(self.processes):
            self.stop(process)


def differing_pixels(first, second):
    done = subprocess.run(["compare", "-metric", "AE", first, second, "null:"], capture_output=True, text=True, check=False)
    return float(done.stderr.split()[0])


def colours(picture):
    return int(subprocess.run(["identify", "-format", "%k", picture], capture_output=True, text=True, check=True).stdout)


@pytest.fixture
def screen(wireshark):
    screen = Screen(wireshark)
    yield screen
    screen.close()


@pytest.fixture(scope="session")
def capture(tmp_path_factory):
    path = tmp_path_factory.mktemp("window") / "first-steps.pcap"
    bundled = Path(__file__).resolve().parents[1] / "captures" / "first-steps.pcap"
    if bundled.exists():
        shutil.copyfile(bundled, path)
    else:
        example = scenario.read_scenario(scenario_run.SCENARIOS / "close-simultaneous.tcp", scenario.read_findings())
        pcap.write_pcap(path, example.pcap_frames)
    return path


def test_columns_and_subtree_are_painted(screen, wireshark, capture):
    # the same columns as text first: the picture then shows these
    text = wireshark.tshark("-n", "-r", capture, home=screen.home).stdout
    assert "ESTABLISHED" in text and "handshake 1/3" in text

    pictures = {}
    for plugin in (True, False):
        process = screen.start("wireshark", "-n", "-r", capture, plugin=plugin)
        screen.window(capture.name)
        screen.keys("ctrl+Home")
        pictures[plugin] = screen.picture(f"window-with{'' if plugin else 'out'}-plugin")
        assert process.poll() is None, f"wireshark ended:\n{screen.log()}"
        if plugin:
            # of the third segment the plugin's subtree, which is the last one
            screen.click(300, 175)
            screen.keys("Tab", "End", "Right", "Next")
            pictures["details"] = screen.picture("window-details")
        screen.stop(process)

    for picture in pictures.values():
        assert colours(picture) > 50, f"{picture} is nearly empty"
    assert differing_pixels(pictures[True], pictures[False]) > 2000, "the plugin changes nothing that is seen"
    assert differing_pixels(pictures[True], pictures["details"]) > 2000, "the details did not expand"
