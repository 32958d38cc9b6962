"""tshark with the plugin: what it shows for each frame of a capture."""

import os
import re
import shutil
import subprocess
import tempfile

from . import batch

NOBODY = 65534
FINDINGS = ["tcpstate.violation", "tcpstate.anomaly", "tcpstate.artifact"]
FIELDS = ["frame.number", "tcpstate.connection", "tcpstate.sender.name", "tcpstate.roles.name"] + [
    f"tcpstate.{end}{what}" for end in ("client", "server")
    for what in ("", ".state.name", ".certainty.name", ".settled.name")] + [
    "tcpstate.contradicted_in", *FINDINGS, "tcpstate.outcome.name",
    "tcpstate.opened_by.name", "tcpstate.closed_by.settled.name", "tcpstate.close.kind.settled.name"]
LINKS = [f"tcpstate.{link}_frame" for link in ("syn", "synack", "rst", "client.fin", "server.fin")]
FIELDS += LINKS
SECONDS = 120


class Runner:
    def __init__(self, plugins, scratch):
        """`scratch`: a directory that an unprivileged user may enter; tshark's HOME and a copy of the plugins are made
        in it, because the build may stand where that user cannot go."""
        self.plugins = scratch / "plugins"
        for module in plugins.resolve().glob("*/epan/*.so"):
            copy = self.plugins / module.relative_to(plugins.resolve())
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(module, copy)
        self.home = scratch / "home"
        self.home.mkdir()
        self.prefix = []
        if os.geteuid() == 0:
            # Wireshark as root ignores plugin folders without a word.
            os.chown(self.home, NOBODY, NOBODY)
            self.prefix = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(self.home), "LC_ALL": "C.UTF-8", "TZ": "UTC",
                            "WIRESHARK_PLUGIN_DIR": str(self.plugins), "UBSAN_OPTIONS": "print_stacktrace=1"}
        self.program = shutil.which("tshark") or "tshark"

    def run(self, *arguments):
        with open(arguments[1], "rb") if arguments[0] == "-r" else open(os.devnull, "rb") as capture:
            # By standard input, as the directory may be closed to the unprivileged user; not as "-", which cannot seek.
            words = ["-r", "/dev/stdin", *arguments[2:]] if arguments[0] == "-r" else arguments
            done = subprocess.run([*self.prefix, self.program, *words], stdin=capture, env=self.environment,
                                  capture_output=True, text=True, timeout=SECONDS)
        if done.returncode:
            raise RuntimeError(f"tshark {' '.join(map(str, arguments[:3]))}: {done.returncode}\n{done.stderr[-2000:]}")
        return done.stdout

    def assert_plugin(self):
        listed = self.run("-G", "plugins")
        if not re.search(r"^tcpstate", listed, re.M):
            # Among the plugins that did load, or in a complaint about one that did not.
            raise SystemExit(f"tshark does not list tcpstate among its plugins (WIRESHARK_PLUGIN_DIR={self.plugins})")

    def read_each(self, capture, passes=2):
        """(frames, expert): frame number -> dict of the fields; the Errors and Warnings of tcpstate."""
        return self._parse(self._tshark(capture, passes))

    def read_batch(self, captures, passes=2, want_expert=True, lengths=None, suppositions=None):
        """The same for many captures, or for the first `lengths` frames of each, in one run of tshark, in order.  Expert
        items do not tell their frame: if wanted, captures with anything that could be one are read again alone.
        `suppositions`: for each, (frame, end, state) for tcpstate.suppose."""
        with tempfile.NamedTemporaryFile(suffix=".pcap", dir=self.home) as merged:
            counts = batch.merge(captures, merged.name, lengths)
            os.chmod(merged.name, 0o644)
            before = [sum(counts[:number]) for number in range(len(counts))]
            supposed = [f"{start + frame}:{end}:{state}" for start, (frame, end, state) in zip(before, suppositions or [])]
            frames, expert = self._parse(self._tshark(merged.name, passes, supposed))
        found = []
        for capture, count, start in zip(captures, counts, before):
            own = {n - start: frames[n] for n in range(start + 1, start + count + 1)}
            for cells in own.values():
                for end in ("tcpstate.client", "tcpstate.server"):
                    cells[end] = batch.original_name(cells[end])
                for link in LINKS:
                    cells[link] = str(int(cells[link]) - start) if cells[link] else ""
            suspect = want_expert and expert and any(cells[key] for cells in own.values() for key in FINDINGS)
            found.append((own, self.read_each(capture)[1] if suspect else []))
        return found

    def _tshark(self, capture, passes, supposed=()):
        words = ["-r", str(capture), *(["-2"] if passes == 2 else []), "-o", "tcp.check_checksum:TRUE",
                 *(["-o", f"tcpstate.suppose:{','.join(supposed)}"] if supposed else []),
                 "-T", "fields", "-E", "separator=/t", "-E", "occurrence=f", "-z", "expert,warn"]
        for field in FIELDS:
            words += ["-e", field]
        return self.run(*words)

    @staticmethod
    def _parse(output):
        frames, expert, severity = {}, [], ""
        for line in output.splitlines():
            cells = line.split("\t")
            if len(cells) == len(FIELDS) and cells[0].isdigit():
                frames[int(cells[0])] = dict(zip(FIELDS, cells))
                continue
            heading = re.match(r"(\w+) \(\d+\)$", line)
            if heading:
                severity = heading.group(1)
            item = re.match(r"\s+(\d+)\s+(\w+)\s+tcpstate\s+(.*)$", line, re.I)
            if item and severity in ("Errors", "Warns"):
                expert.append((severity, int(item.group(1)), item.group(3)))
        return frames, expert
