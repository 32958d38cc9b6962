# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the build is, and Wireshark's programs with the plugin of the build tree, as an unprivileged user.

As root Wireshark ignores plugin folders without a word, and every "no violation" test would pass for the wrong reason.
So root runs Wireshark's programs as user 65534, with a HOME of its own, on copies of what that user cannot read; and
`Wireshark.assert_plugin_is_loaded` comes first in every session. Fixtures: `from support.env import *` in a conftest.py.
"""

import atexit
import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

__all__ = ["wireshark", "tshark"]

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("TCPSTATE_BUILD", ROOT / "build")).resolve()
NOBODY = 65534
AS_NOBODY = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--inh-caps=-all"]
TIMEOUT_SECONDS = 120


def engine_runner(sanitized=True):
    """`run-segments`, the engine alone: the one with sanitizers if it was built, or the one without, which starts sooner."""
    for build in (BUILD / "asan", BUILD) if sanitized else (BUILD, BUILD / "asan"):
        program = build / "tests" / "run-segments"
        if program.exists():
            return program
    pytest.fail(f"run-segments was not built: not in {BUILD}/asan/tests, not in {BUILD}/tests")


class Wireshark:
    """tshark, sharkd and wireshark, with the plugin unless told otherwise."""

    def __init__(self, build=BUILD):
        self.prefix = AS_NOBODY if os.geteuid() == 0 else []
        self.scratch = self._make_scratch()
        self._copies = {}
        built = sorted(build.glob("plugins/*/epan/tcpstate.so"))
        if not built:
            pytest.fail(f"the plugin was not built: there is no {build}/plugins/*/epan/tcpstate.so")
        self.plugins = build / "plugins"
        if not self._can_read(built[0]):
            self.plugins = self.scratch / "plugins"
            shutil.copytree(build / "plugins", self.plugins)
            subprocess.run(["chmod", "-R", "a+rX", self.plugins], check=True)
        self.no_plugins = self.scratch / "no-plugins"
        self.no_plugins.mkdir(mode=0o755)
        self.home = self.make_home()

    def _make_scratch(self):
        """A folder that the unprivileged user can reach, removed at exit."""
        for place in dict.fromkeys((tempfile.gettempdir(), "/tmp", "/var/tmp")):
            scratch = Path(tempfile.mkdtemp(prefix="tcpstate-", dir=place))
            scratch.chmod(0o755)
            atexit.register(shutil.rmtree, scratch, ignore_errors=True)
            if self._can_read(scratch):
                return scratch
        pytest.fail("no folder for temporary files that an unprivileged user can read")

    def _can_read(self, path):
        return subprocess.run([*self.prefix, "test", "-r", path], check=False).returncode == 0

    def make_home(self):
        """A fresh HOME, for instance to put preferences in `.config/wireshark`."""
        home = Path(tempfile.mkdtemp(prefix="home-", dir=self.scratch))
        for folder in (home, home / ".config", home / ".config" / "wireshark", home / "run"):
            folder.mkdir(mode=0o700, exist_ok=True)
        self.give_away(home)
        return home

    def give_away(self, folder):
        """Makes `folder` and all in it belong to the user that Wireshark's programs run as."""
        if self.prefix:
            subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", folder], check=True)

    def readable(self, path):
        """`path`, or a copy of it that the unprivileged user can read."""
        path = Path(path)
        if not self.prefix or not path.is_file():
            return path
        status = path.stat()
        key = (path.resolve(), status.st_mtime_ns, status.st_size)
        if key not in self._copies:
            copy = path
            if not self._can_read(path):
                copy = Path(tempfile.mkdtemp(dir=self.scratch)) / path.name
                copy.parent.chmod(0o755)
                shutil.copyfile(path, copy)
                copy.chmod(0o644)
            self._copies[key] = copy
        return self._copies[key]

    def environment(self, *, plugin=True, home=None):
        home = home or self.home
        env = {name: value for name, value in os.environ.items() if not name.startswith(("WIRESHARK_", "XDG_"))}
        env.update(
            HOME=str(home),
            XDG_CONFIG_HOME=f"{home}/.config",
            XDG_DATA_HOME=f"{home}/.local/share",
            XDG_CACHE_HOME=f"{home}/.cache",
            XDG_RUNTIME_DIR=f"{home}/run",
            LC_ALL="C.UTF-8",
            TZ="UTC",
            WIRESHARK_PLUGIN_DIR=str(self.plugins if plugin else self.no_plugins),
        )
        return env

    def command(self, program, *args):
        """The argument list that runs `program` unprivileged; a capture after `-r` is made readable for it."""
        argv = [*self.prefix, program]
        for previous, arg in zip((None, *args), args):
            argv.append(str(self.readable(arg) if previous == "-r" else arg))
        return argv

    def tshark(self, *args, plugin=True, home=None, check=True, **options):
        """Runs tshark; a CompletedProcess with text. With `check`, an exit code other than 0 fails the test."""
        options = {"text": True, "stdin": None if "input" in options else subprocess.DEVNULL, **options}
        if options["stdin"] is None:
            del options["stdin"]
        result = subprocess.run(
            self.command("tshark", *args),
            env=self.environment(plugin=plugin, home=home),
            cwd=self.scratch,
            capture_output=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
            **options,
        )
        if check and result.returncode != 0:
            pytest.fail(f"tshark {' '.join(map(str, args))} ended with {result.returncode}:\n{result.stderr}")
        return result

    def sharkd(self, requests):
        """Runs sharkd's console on a list of (method, parameters); the list of its results, in the same order."""
        lines = [
            json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
            for number, (method, params) in enumerate(requests, 1)
        ]
        result = subprocess.run(
            self.command("sharkd", "-"),
            env=self.environment(),
            cwd=self.scratch,
            input="\n".join(lines) + "\n",
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
        answers = {}
        for line in result.stdout.splitlines():
            if line.startswith("{"):
                answer = json.loads(line)
                answers[answer.get("id")] = answer
        for number, line in enumerate(lines, 1):
            if "result" not in answers.get(number, {}):
                pytest.fail(f"sharkd: {line} -> {answers.get(number)}\n{result.stderr}")
        return [answers[number]["result"] for number in range(1, len(lines) + 1)]

    @property
    def version(self):
        """Such as (4, 0)."""
        found = re.search(r"\b(\d+)\.(\d+)\.\d+", self.tshark("--version").stdout)
        return int(found[1]), int(found[2])

    def assert_plugin_is_loaded(self):
        listing = self.tshark("-G", "plugins")
        if "tcpstate.so" not in listing.stdout:
            pytest.fail(f"tshark does not load the plugin from {self.plugins}:\n{listing.stdout}{listing.stderr}")


@pytest.fixture(scope="session")
def wireshark():
    """Wireshark's programs, once it is sure that they load the plugin."""
    programs = Wireshark()
    programs.assert_plugin_is_loaded()
    return programs


@pytest.fixture(scope="session")
def tshark(wireshark):
    """tshark(*args) -> CompletedProcess, see Wireshark.tshark."""
    return wireshark.tshark
