"""A second witness: the tracepoint sock:inet_sock_set_state, held against what sock_diag said after each step.

The tracepoint sees every change of a full socket, also those within a step; it does not see request sockets and
TIME-WAIT minisockets, which sock_diag does.  So they must agree in this sense only:

  newest event of the step    sample after the step
  a state                     the same state
  CLOSE                       none, or the minisocket that took over: FIN-WAIT-2, TIME-WAIT
  no event                    no change between two states of a full socket
"""

import os
import re
import subprocess
from pathlib import Path

ROOT = Path("/sys/kernel/tracing")
EVENT = re.compile(r"sport=(\d+) dport=(\d+) saddr=(\S+) daddr=(\S+) saddrv6=(\S+) daddrv6=(\S+)"
                   r" oldstate=TCP_(\S+) newstate=TCP_(\S+)")
FAMILY6 = "family=AF_INET6"
NAMES = {"SYN_RECV": "SYN-RECEIVED", "FIN_WAIT1": "FIN-WAIT-1", "FIN_WAIT2": "FIN-WAIT-2"}
FULL = {"SYN-SENT", "ESTABLISHED", "FIN-WAIT-1", "CLOSE-WAIT", "CLOSING", "LAST-ACK"}


class Trace:
    """Events of this process only: with several workers the addresses alone would not tell them apart."""

    def __init__(self):
        if not (ROOT / "events").is_dir():
            subprocess.run(["mount", "-t", "tracefs", "nodev", str(ROOT)], check=True)
        self.place = ROOT / "instances" / f"tcpstate-{os.getpid()}"
        self.place.mkdir(exist_ok=True)
        (self.place / "set_event_pid").write_text(str(os.getpid()))
        (self.place / "events/sock/inet_sock_set_state/enable").write_text("1")
        self.pipe = os.open(self.place / "trace_pipe", os.O_RDONLY | os.O_NONBLOCK)
        self.rest = ""

    def read(self):
        """(local, remote) -> names of the states entered since the last call, oldest first."""
        try:
            while True:
                chunk = os.read(self.pipe, 65536)
                if not chunk:
                    break
                self.rest += chunk.decode("ascii", "replace")
        except BlockingIOError:
            pass
        *lines, self.rest = self.rest.split("\n")
        found = {}
        for line in lines:
            event = EVENT.search(line)
            if event:
                sport, dport, source, destination, source6, destination6, _, new = event.groups()
                if FAMILY6 in line:
                    source, destination = source6, destination6
                key = (source, int(sport)), (destination, int(dport))
                found.setdefault(key, []).append(NAMES.get(new, new.replace("_", "-")))
        return found

    def close(self):
        os.close(self.pipe)
        (self.place / "events/enable").write_text("0")
        self.place.rmdir()


def disagreement(events, before, after):
    """What is wrong between the events of a step and the samples around it, or ''."""
    if not events:
        wrong = before in FULL and after != before
        return f"sampled {before} then {after} without an event" if wrong else ""
    newest = events[-1]
    right = {None, "FIN-WAIT-2", "TIME-WAIT"} if newest == "CLOSE" else {newest}
    return "" if after in right else f"events {' '.join(events)}, sampled {before} then {after}"
