"""Two hosts and the wire between them: the one thread that moves packets, runs the applications and samples the kernel.

            host A                                           host B
      sockets, TUN device --- leg --- middle --- leg --- TUN device, sockets

Every packet passes the middle, where rules decide its fate.  Nothing here runs concurrently with the kernel's input
path: write() on a TUN runs the receiver's whole TCP input before it returns, so what is read from the TUNs and from
sock_diag right after it is the effect of that one segment.  Only timers act between two steps; the sample taken
before each step finds them.

Everything is logged with a tick, the number of the step; `truth.py` turns the log into captures and rows.
"""

import heapq
import os
import select
import time
from dataclasses import dataclass, field

from . import packet as pkt
from .diag import Diag
from .namespace import Namespace
from .packet import ACK, FIN, RST, SYN, seq_diff
from .trace import Trace, disagreement

ADDRESSES = {"A": ("192.0.2.1", "2001:db8::1"), "B": ("192.0.2.2", "2001:db8::2")}
OTHER = {"A": "B", "B": "A"}
AFTER_PEER_FIN = {"CLOSE-WAIT", "CLOSING", "LAST-ACK", "TIME-WAIT"}
OWN_FIN = {"FIN-WAIT-1", "CLOSING", "LAST-ACK"}


@dataclass(slots=True, eq=False)
class Change:
    """A state as the wire can know it, since `tick`, announced or caused by `cause` (a Segment, a Copy or None)."""
    tick: int
    state: str | None
    cause: object
    flag: str = ""
    restates: object = None     # the Change before, if this one only tells of it again


@dataclass(slots=True, eq=False)
class Segment:
    """One packet as its sender emitted it (or as it was forged)."""
    side: str
    raw: bytes
    tcp: pkt.Tcp | None
    tick: int
    time_ns: int
    forged: bool = False
    change: Change | None = None
    copies: list = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Copy:
    """One passage of a segment through the middle."""
    segment: Segment
    captured_tick: int = 0
    captured_ns: int = 0
    missed: bool = False
    delivered_tick: int = 0
    delivered_ns: int = 0
    change: Change | None = None
    moved: bool = False         # it changed the receiver's state
    syn_without_effect: bool = False


class Endpoint:
    """One end of a four-tuple: the kernel's state, and what the wire has been told of it."""

    def __init__(self, side, local, remote):
        self.side, self.local, self.remote = side, local, remote
        self.kernel = None
        self.iss = None
        self.fin_end = None         # the number after our FIN, once it was emitted
        self.close_was_hidden = False
        self.peer_fins = {}         # the number after each FIN that arrived here, real or forged, and when it first did
        self.cookie = False
        self.scripted = False       # no kernel behind it: its state is nobody's
        self.snd_nxt = self.rcv_nxt = self.window = 0
        self.tsval = self.tsecr = None
        self.changes = [Change(0, None, None)]

    @property
    def now(self):
        return self.changes[-1]

    def emitted(self, tcp):
        """Takes note of what the segment announces.  A SYN with a new number starts a new incarnation."""
        if tcp.flags & SYN and tcp.seq != self.iss:
            self.iss, self.fin_end, self.close_was_hidden = tcp.seq, None, False
            self.snd_nxt = tcp.end
        if tcp.flags & FIN:
            self.fin_end = tcp.end
        if not tcp.flags & RST:
            if seq_diff(tcp.end, self.snd_nxt) > 0:
                self.snd_nxt = tcp.end
            if tcp.flags & ACK:
                self.rcv_nxt = tcp.ack
            self.window = tcp.window
            if tcp.tsval is not None:
                self.tsval, self.tsecr = tcp.tsval, tcp.tsecr

    def visible(self, kernel):
        """(state, reason why it is not comparable): a close() counts from its FIN, not from the call."""
        if kernel in OWN_FIN and self.fin_end is None:
            if kernel == "CLOSING":
                self.close_was_hidden = True
            return ("ESTABLISHED" if kernel == "FIN-WAIT-1" else "CLOSE-WAIT"), "fin-queued"
        if self.close_was_hidden and kernel in ("CLOSING", "TIME-WAIT"):
            # The peer's FIN came between close() and our FIN: on the wire this was LAST-ACK.
            return ("LAST-ACK" if kernel == "CLOSING" else "TIME-WAIT"), "hidden-close"
        if kernel is None and self.cookie:
            return None, "syn-cookie"
        return kernel, ""


class Net:
    """The two hosts, the bridge and the log of one run.  `legs`: seconds from A, and from B, to the middle."""

    def __init__(self, family=4, legs=(0.001, 0.001), sysctls=None, witness=False):
        """With `witness` the tracepoint is held against the samples: see `disagreements` at the end."""
        self.family = family
        self.trace = Trace() if witness else None
        self.disagreements = []
        self.hosts = {side: Namespace(*ADDRESSES[side]) for side in "AB"}
        self.diag = {side: Diag(self.hosts[side]) for side in "AB"}
        self.legs = dict(zip("AB", legs))
        for side in "AB":
            for name, value in (sysctls or {}).items():
                self.hosts[side].sysctl(name, value)
        self.rules = []
        self.default_fate = None
        self.queue = []
        self.tick = 0
        self.order = 0
        self.clock_offset = time.time_ns() - time.monotonic_ns()
        self.endpoints = {}
        self.segments = []
        self.icmp = []
        self.opened = []

    # ---- time and state ----

    def now_ns(self):
        return time.monotonic_ns() + self.clock_offset

    def step(self):
        self.tick += 1
        return self.tick

    def endpoint(self, side, local, remote):
        key = (side, local, remote)
        if key not in self.endpoints:
            self.endpoints[key] = Endpoint(*key)
        return self.endpoints[key]

    def endpoint_of(self, side, tcp):
        """The endpoint of host `side` that sends or receives the segment."""
        src, dst = (tcp.src, tcp.sport), (tcp.dst, tcp.dport)
        sent_by_b = tcp.src in ADDRESSES["B"]       # A's side also has hosts that are only a script
        return self.endpoint(side, src, dst) if sent_by_b == (side == "B") else self.endpoint(side, dst, src)

    def peer_of(self, endpoint):
        return self.endpoint(OTHER[endpoint.side], endpoint.remote, endpoint.local)

    def sample(self, endpoint):
        return self.diag[endpoint.side].state(endpoint.local, endpoint.remote)

    # ---- what the hosts emit ----

    def read(self):
        """Everything that both hosts have emitted since the last call, as segments in order."""
        found = []
        for side in "AB":
            while True:
                try:
                    raw = os.read(self.hosts[side].tun, 65536)
                except BlockingIOError:
                    break
                tcp = pkt.parse_tcp(raw)
                if tcp is None and not pkt.is_icmp_error(raw):
                    continue
                segment = Segment(side, raw, tcp, 0, 0)
                found.append(segment)
        return found

    def settle(self, emitted, cause=None, sample_all=False):
        """Records what one step did: its `cause` (a delivered copy or None), the segments that it made the hosts emit."""
        tick, now = self.step(), self.now_ns()
        touched = {}
        for segment in emitted:
            segment.tick, segment.time_ns = tick, now
            if segment.tcp:
                touched.setdefault(self.endpoint_of(segment.side, segment.tcp), []).append(segment)
        if cause and cause.segment.tcp:
            touched.setdefault(self.endpoint_of(OTHER[cause.segment.side], cause.segment.tcp), [])
        if sample_all or (cause and not cause.segment.tcp):
            for endpoint in self.endpoints.values():
                touched.setdefault(endpoint, [])
        events = self.trace.read() if self.trace else {}
        for endpoint, own in touched.items():
            before = endpoint.kernel
            self._settle_endpoint(endpoint, own, cause, tick)
            if self.trace:
                wrong = disagreement(events.get((endpoint.local, endpoint.remote), ()), before, endpoint.kernel)
                if wrong:
                    self.disagreements.append(f"step {tick}, {endpoint.local}: {wrong}")
        for segment in emitted:
            (self.segments if segment.tcp else self.icmp).append(segment)
            self._to_middle(segment)

    def _settle_endpoint(self, endpoint, own, cause, tick):
        kernel = self.sample(endpoint)
        before = endpoint.now
        had_fin = endpoint.fin_end is not None
        if endpoint.kernel in OWN_FIN and not had_fin and kernel in ("CLOSING", "TIME-WAIT"):
            endpoint.close_was_hidden = True
        syn_ack = False
        for segment in own:
            endpoint.emitted(segment.tcp)
            syn_ack |= segment.tcp.is_("SA")
        endpoint.cookie = kernel is None and (endpoint.cookie or syn_ack) and not any(s.tcp.flags & RST for s in own)
        endpoint.kernel = kernel
        state, flag = endpoint.visible(kernel)
        announcing = self._announcing(own, state, before.state, had_fin)
        if state != before.state or flag != before.flag or announcing:
            if announcing:
                why = announcing
            elif state == before.state:
                why = before.cause
            else:
                why = cause
            restates = before if (state, flag) == (before.state, before.flag) else None
            endpoint.changes.append(Change(tick, state, why, flag, restates))
        announced = False
        for segment in own:
            announced |= segment is announcing
            queued_ahead = announcing and announcing.tcp.flags & FIN and not announced    # it left before the FIN
            segment.change = before if queued_ahead else self._at_emission(endpoint, segment.tcp, before, endpoint.now)

    @staticmethod
    def _announcing(own, state, before, had_fin):
        """The emitted segment that tells the wire of this change: a first SYN or FIN, or a RST of a closed end."""
        for segment in own:
            flags = segment.tcp.flags
            if flags & RST and state is None:
                return segment
            if segment.tcp.bare_syn and state == "SYN-SENT" != before:
                return segment
            if flags & FIN and not had_fin and state in ("FIN-WAIT-1", "LAST-ACK"):
                return segment
        return None

    def _at_emission(self, endpoint, tcp, before, after):
        """The state that a segment shows, when its step led from `before` to `after`."""
        if tcp.flags & (RST | SYN) or before is after:
            return after
        knows_fin = tcp.flags & ACK and tcp.ack in endpoint.peer_fins
        if after.state in AFTER_PEER_FIN and before.state not in AFTER_PEER_FIN and not knows_fin:
            # Retransmitted, or sent from the queue, while the acknowledgment of the peer's FIN was being processed:
            # the FIN itself was not yet.
            if tcp.flags & FIN:
                return Change(after.tick, "FIN-WAIT-1", after.cause, after.flag)
            return before
        if after.state is None and before.state is not None:
            return before
        return after

    # ---- the way of a packet ----

    def schedule(self, delay, call, *arguments):
        self.order += 1
        heapq.heappush(self.queue, (time.monotonic() + delay, self.order, call, arguments))

    def _to_middle(self, segment):
        fate = {}
        if segment.tcp:
            for rule in self.rules:
                found = rule(segment)
                if found:
                    fate = found
                    break
            else:
                if self.default_fate:
                    fate = self.default_fate(segment) or {}
        self._send(segment, fate)
        for gap in fate.get("duplicate", ()):
            self._send(segment, {**fate, "delay": fate.get("delay", 0) + gap})

    def _send(self, segment, fate):
        if fate.get("drop") == "before":
            return
        copy = Copy(segment, missed=bool(fate.get("miss")))
        segment.copies.append(copy)
        self.schedule(self.legs[segment.side] + fate.get("delay", 0), self._at_middle, copy, fate)

    def _at_middle(self, copy, fate):
        copy.captured_tick, copy.captured_ns = self.step(), self.now_ns()
        if fate.get("drop") == "after":
            return
        leg = self.legs[OTHER[copy.segment.side]] + fate.get("late", 0)
        self.schedule(leg, self.deliver, copy)
        for gap in fate.get("twin", ()):
            twin = Copy(copy.segment, missed=True)
            copy.segment.copies.append(twin)
            self.schedule(leg + gap, self.deliver, twin)

    def deliver(self, copy):
        segment = copy.segment
        side = OTHER[segment.side]
        self.flush()
        endpoint = self.endpoint_of(side, segment.tcp) if segment.tcp else None
        if endpoint and self.sample(endpoint) != endpoint.kernel:
            # A timer was there first: what it emitted, or silence.
            emitted = self.read()
            self.settle(emitted, sample_all=True)
        copy.delivered_ns = self.now_ns()
        before = endpoint.now.state if endpoint else None
        if endpoint and segment.tcp.flags & FIN:
            endpoint.peer_fins.setdefault(segment.tcp.end, self.tick + 1)      # what was emitted before did not have it
        os.write(self.hosts[side].tun, segment.raw)
        self.settle(self.read(), cause=copy)
        copy.delivered_tick = self.tick
        if endpoint:
            copy.change = endpoint.now
            copy.moved = endpoint.now.state != before
            copy.syn_without_effect = (segment.tcp.flags & (SYN | ACK | RST) == SYN and endpoint.now.state == before
                                       and before != "SYN-RECEIVED")

    def inject(self, side, raw, missed=False):
        """Puts a forged packet on the wire in the middle, towards host `side`."""
        segment = Segment(OTHER[side], raw, pkt.parse_tcp(raw), self.step(), self.now_ns(), forged=True)
        (self.segments if segment.tcp else self.icmp).append(segment)
        copy = Copy(segment, self.step(), self.now_ns(), missed)
        segment.copies.append(copy)
        self.schedule(self.legs[side], self.deliver, copy)

    # ---- the loop ----

    def flush(self):
        """Takes what timers made the hosts emit."""
        emitted = self.read()
        if emitted:
            self.settle(emitted)

    def app(self, call):
        """One system call of an application, and all that follows from it at once."""
        self.flush()
        try:
            return call()
        finally:
            self.settle(self.read(), sample_all=True)

    def run(self, seconds, until=None):
        """Lets the wire work for a time, or until a condition holds.  True if it did."""
        deadline = time.monotonic() + seconds
        while True:
            self.flush()
            if until and until():
                return True
            now = time.monotonic()
            if now >= deadline:
                return False
            if self.queue and self.queue[0][0] <= now:
                _, _, call, arguments = heapq.heappop(self.queue)
                call(*arguments)
                continue
            wake = min(deadline, self.queue[0][0] if self.queue else deadline)
            select.select([host.tun for host in self.hosts.values()], [], [], max(0.0, wake - now))

    def close(self):
        for sock in self.opened:
            sock.close()
        if self.trace:
            self.trace.close()
        for side in "AB":
            self.diag[side].socket.close()
            self.hosts[side].close()
