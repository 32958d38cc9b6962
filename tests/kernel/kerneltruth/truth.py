"""From the log of a run to captures, and to the true state of both ends at every captured segment.

A row is comparable if an observer of that capture could know it in the end: the last change of the endpoint has a
cause that was captured (or that a captured acknowledgment proves), and no captured segment that matters was lost, or
still under way, beyond the capture point.  Otherwise the row carries the reason.
"""

from dataclasses import dataclass, field, replace

from .bridge import AFTER_PEER_FIN, OTHER
from .packet import ACK, FIN, RST, SYN, seq_diff

CLOSING_STATES = {"FIN-WAIT-1", "FIN-WAIT-2", "CLOSE-WAIT", "CLOSING", "LAST-ACK", "TIME-WAIT"}
SYNCHRONIZED = CLOSING_STATES | {"ESTABLISHED"}
AWAITS_ACK = {"SYN-SENT", "SYN-RECEIVED", "FIN-WAIT-1", "CLOSING", "LAST-ACK"}
# A segment emitted later than this after the capture of another shows that the other had not arrived.
PATIENCE_NS = 20_000_000
OLD_NS = 100_000_000


@dataclass(slots=True, eq=False)
class Frame:
    segment: object
    copy: object            # the passage that the receiver row is about; None if it never arrived or was dropped
    tick: int
    time_ns: int
    index: int = 0          # place in its capture; several frames may bear the tick of one step


@dataclass(slots=True)
class Row:
    frame: int
    sender: str
    receiver: str
    sender_state: str
    receiver_state: str
    sender_comparable: str
    receiver_comparable: str


@dataclass
class View:
    """One capture of a run."""
    name: str
    about: str
    frames: list
    start_tick: int = 0
    first_index: dict = field(default_factory=dict)     # id of a segment -> index of its first frame here
    by_flow: dict = field(default_factory=dict)         # (side, local, remote) -> frames sent by that endpoint

    def __post_init__(self):
        self.frames = [replace(frame, index=index) for index, frame in enumerate(self.frames)]
        for frame in self.frames:
            self.first_index.setdefault(id(frame.segment), frame.index)
            tcp = frame.segment.tcp
            if tcp:
                key = (frame.segment.side, (tcp.src, tcp.sport), (tcp.dst, tcp.dport))
                self.by_flow.setdefault(key, []).append(frame)

    def after(self, count, name, about):
        """The same capture, started `count` frames later."""
        kept = self.frames[count:]
        return View(name, about, kept, kept[0].tick)

    def only(self, side, name, about):
        """The same capture, of one direction only."""
        return View(name, about, [f for f in self.frames if f.segment.side == side], self.start_tick)


def middle(net):
    frames = [Frame(s, c, c.captured_tick, c.captured_ns)
              for s in net.segments + net.icmp for c in s.copies if c.captured_tick and not c.missed]
    return View("middle", "between the hosts", sorted(frames, key=lambda f: f.tick))


def end(net, side):
    """What host `side` sent when it sent it, and received when it received it."""
    frames = []
    for segment in net.segments + net.icmp:
        if segment.side == side:
            if not segment.forged and segment.tick:
                frames.append(Frame(segment, first_arrival(segment), segment.tick, segment.time_ns))
        else:
            frames += [Frame(segment, c, c.delivered_tick, c.delivered_ns) for c in segment.copies if c.delivered_tick]
    # A segment is received before the answers that its processing emits, though both bear the step's tick.
    frames.sort(key=lambda f: (f.tick, f.segment.side == side))
    return View(f"end-{side.lower()}", f"at host {side}", frames)


def first_arrival(segment):
    arrived = [copy for copy in segment.copies if copy.delivered_tick]
    return min(arrived, key=lambda copy: copy.delivered_tick, default=None)


def name_of(address):
    return f"[{address[0]}]:{address[1]}" if ":" in address[0] else f"{address[0]}:{address[1]}"


def rows(net, view):
    """The truth of every frame of the view that carries TCP."""
    result = []
    for number, frame in enumerate(view.frames, 1):
        segment = frame.segment
        if not segment.tcp:
            continue
        sender = net.endpoint_of(segment.side, segment.tcp)
        receiver = net.endpoint_of(OTHER[segment.side], segment.tcp)
        result.append(Row(number, name_of(sender.local), name_of(receiver.local),
                          *_interleave(_sender_row(net, view, frame, sender, receiver),
                                       _receiver_row(net, view, frame, sender, receiver))))
    return result


def _interleave(sender, receiver):
    return sender[0], receiver[0], sender[1], receiver[1]


def _shown(change):
    return change.state or "CLOSED|LISTEN"


def _sender_row(net, view, frame, sender, receiver):
    segment = frame.segment
    if segment.forged:
        return _shown(_at(sender, segment.tick)), "forged"
    change = segment.change
    if _is_old_copy(view, frame) and change.state != _at(sender, frame.tick).state:
        return _shown(change), "old-copy"
    reason = (_unknowable(view, frame, sender, receiver, change)
              or _candidate(segment, frame.copy, sender, receiver, segment.tick)
              or _pending(view, frame, sender, segment.tick, is_sender=True))
    return _shown(change), reason or "yes"


def _is_old_copy(view, frame):
    """Captured before, long ago: whether to show the sender as it was or as it is, is a matter of taste."""
    first = view.frames[view.first_index[id(frame.segment)]]
    return frame.time_ns > first.time_ns + OLD_NS


def _receiver_row(net, view, frame, sender, receiver):
    segment, copy = frame.segment, frame.copy
    if receiver.scripted:
        return _shown(receiver.now), "scripted"
    if not copy or not copy.delivered_tick:
        return _shown(_at(receiver, frame.tick)), "lost"
    change = copy.change
    if copy.syn_without_effect and change.state not in SYNCHRONIZED:
        return _shown(change), "syn-no-effect"
    reason = (_unknowable(view, frame, receiver, sender, change)
              or _candidate(segment, copy, receiver, sender, copy.delivered_tick)
              or _pending(view, frame, receiver, copy.delivered_tick, is_sender=False))
    return _shown(change), reason or "yes"


def _at(endpoint, tick):
    found = endpoint.changes[0]
    for change in endpoint.changes:
        if change.tick > tick:
            break
        found = change
    return found


def _unknowable(view, frame, endpoint, peer, change):
    """Why the observer cannot know the last change of the endpoint, if so."""
    if endpoint.scripted:
        return "scripted"
    if change.flag:
        return change.flag
    if view.start_tick and _closing_before(view, frame, endpoint, peer):
        return "before-capture"
    if change.tick == 0:
        return "before-capture" if view.start_tick else ""
    if change.tick < view.start_tick and change.state == "ESTABLISHED":
        return ""
    if change.restates and not _unknowable(view, frame, endpoint, peer, change.restates):
        return ""
    if change.cause is None:
        return "silent"
    if not _captured(view, frame, endpoint, peer, change.cause):
        return "unseen" if change.tick >= view.start_tick else "before-capture"
    if change.state and not all(_captured(view, frame, endpoint, peer, cause)
                                for cause in _fins_before(view, endpoint, change)):
        return "unseen"
    if change.state in AFTER_PEER_FIN and not _peer_fin_known(view, frame, endpoint, peer, change):
        return "unseen"
    return ""


def _peer_fin_known(view, frame, endpoint, peer, change):
    """The FIN that took effect is captured up to here (it may have been queued until this frame filled a hole), or the
    endpoint has acknowledged it. Those of an earlier connection of the same ports have had their effect."""
    opened = max((c.tick for c in endpoint.changes if c.tick <= change.tick
                  and c.state in (None, "SYN-SENT", "SYN-RECEIVED")), default=0)
    fins = {end for end, tick in endpoint.peer_fins.items() if tick > opened}
    return any(f.index <= frame.index and f.segment.tcp.flags & FIN and f.segment.tcp.end in fins
               for f in _sent(view, peer)) or any(
               f.index <= frame.index and f.segment.tcp.flags & ACK and f.segment.tcp.ack in fins
               for f in _sent(view, endpoint))


def _fins_before(view, endpoint, change):
    """The FINs, sent and received, on which the state rests besides its last cause: CLOSING rests on both."""
    found = []
    for earlier in endpoint.changes:
        if earlier.tick >= change.tick:
            break
        if earlier.state in (None, "SYN-SENT", "SYN-RECEIVED") or earlier.tick < view.start_tick:
            found = []
        elif earlier.cause is not None:
            tcp = (earlier.cause if hasattr(earlier.cause, "raw") else earlier.cause.segment).tcp
            if tcp and tcp.flags & FIN:
                found.append(earlier.cause)
    return found


def _closing_before(view, frame, endpoint, peer):
    """The capture started while the connection was being closed, and no new one has been opened since."""
    start = view.start_tick - 1
    if not any(_at(end, start).state in CLOSING_STATES for end in (endpoint, peer)):
        return False
    return not any(f.segment.tcp.bare_syn and f.index <= frame.index
                   for end in (endpoint, peer) for f in _sent(view, end))


def _sent(view, endpoint):
    return view.by_flow.get((endpoint.side, endpoint.local, endpoint.remote), ())


def _captured(view, frame, endpoint, peer, cause):
    """The cause is in the capture up to this frame, or a later acknowledgment in it proves the cause."""
    emitted_by_us = hasattr(cause, "raw")
    segment = cause if emitted_by_us else cause.segment
    if view.first_index.get(id(segment), frame.index + 1) <= frame.index:
        return True
    tcp = segment.tcp
    if not tcp or not tcp.flags & (SYN | FIN):
        return False
    if emitted_by_us:
        again = any(f.index <= frame.index and f.segment.tick >= segment.tick and not f.segment.forged
                    and f.segment.tcp.flags & (SYN | FIN) & tcp.flags and f.segment.tcp.end == tcp.end
                    for f in _sent(view, endpoint))
        # An ACK of a later number that was sent before the FIN arrived covers forged text, and proves nothing.
        arrived = peer.peer_fins.get(tcp.end) if tcp.flags & FIN else segment.tick
        return again or (arrived is not None and _acknowledged(view, frame, peer, tcp.end, arrived))
    return _acknowledged(view, frame, endpoint, tcp.end, cause.delivered_tick)


def _acknowledged(view, frame, by, number, since):
    return any(f.index <= frame.index and f.segment.tick >= since and not f.segment.forged
               and f.segment.tcp.flags & ACK and 0 <= seq_diff(f.segment.tcp.ack, number) < 1 << 24
               for f in _sent(view, by))


def _candidate(segment, copy, endpoint, peer, tick):
    """A SYN that the peer's old connection has not accepted: by `model.md` it opens nothing yet."""
    if endpoint.side == segment.side and copy and copy.syn_without_effect:
        return "syn-no-effect"
    if _at(endpoint, tick).state == "SYN-SENT" and _at(peer, tick).state in SYNCHRONIZED:
        accepted = segment.tcp.bare_syn and copy and not copy.syn_without_effect
        if not accepted and not _answered(endpoint, peer, tick):
            return "syn-no-effect"
    return ""


def _answered(endpoint, peer, tick):
    """The peer's state is of the incarnation that the endpoint's SYN opened: it became so after the SYN."""
    opened = max((c.tick for c in endpoint.changes if c.state == "SYN-SENT" and c.tick <= tick), default=0)
    return any(c.tick >= opened and c.state == "SYN-RECEIVED" for c in peer.changes if c.tick <= tick)


def _pending(view, frame, endpoint, tick, is_sender):
    """What was captured on its way to the endpoint and had not arrived when the row was true."""
    peer_key = (OTHER[endpoint.side], endpoint.remote, endpoint.local)
    earlier = [f for f in view.by_flow.get(peer_key, ()) if f.index < frame.index]
    control_ahead = any(f.segment.tcp.flags & (FIN | RST) for f in earlier) or (
        not is_sender and frame.segment.tcp.flags & (FIN | RST))
    seen = set()
    for other in earlier:
        segment = other.segment
        if segment is frame.segment or id(segment) in seen:
            continue
        seen.add(id(segment))
        arrivals = [c for c in segment.copies if c.delivered_tick]
        if any(c.delivered_tick <= tick for c in arrivals):
            continue
        if arrivals:
            moved = any(c.moved for c in arrivals)
            if moved and not is_sender:
                return "in-flight"
            if moved and _at(endpoint, tick).state in AWAITS_ACK and not frame.segment.tcp.flags & (SYN | FIN | RST):
                # Its own acknowledgment number tells of the peer's SYN and FIN, but not of the peer's ACK.
                return "crossing"
        elif not _made_good(view, frame, endpoint, earlier, other, tick, is_sender, control_ahead):
            return "behind-loss"
    return ""


def _made_good(view, frame, endpoint, earlier, lost, tick, is_sender, control_ahead):
    """The loss of a captured segment beyond the capture point no longer hides anything from the observer."""
    tcp = lost.segment.tcp
    controls = tcp.flags & (SYN | FIN | RST)
    answers = bool(tcp.flags & ACK) and _at(endpoint, tick).state in AWAITS_ACK
    hole = bool(controls) or (tcp.length and control_ahead)
    if is_sender:
        hole = False        # its own acknowledgment tells what it has
    if not (hole or answers):
        return True
    for other in earlier + [frame]:
        again = other.segment.tcp
        if other.segment.side != lost.segment.side or other.segment.tick <= lost.segment.tick:
            continue
        if not any(c.delivered_tick and c.delivered_tick <= tick for c in other.segment.copies):
            continue
        covers = (seq_diff(again.seq, tcp.seq) <= 0 <= seq_diff(again.end, tcp.end)
                  and again.flags & controls == controls)
        if (covers or not hole) and (not answers or seq_diff(again.ack, tcp.ack) >= 0):
            return True
    for other in _sent(view, endpoint):
        spoken = other.segment
        if other.index > frame.index or spoken.forged or spoken.time_ns < lost.time_ns + PATIENCE_NS:
            continue
        if spoken.tcp.flags & RST:
            continue
        if answers and not spoken.tcp.flags & (SYN | FIN):
            continue
        if not spoken.tcp.flags & ACK or tcp.flags & RST or seq_diff(spoken.tcp.ack, tcp.end) < 0 or not hole:
            return True
    return False


COLUMNS = "frame\tsender\treceiver\tsender_state\treceiver_state\tsender_comparable\treceiver_comparable"


def write_rows(path, found, category, view, about):
    with open(path, "w", encoding="ascii") as file:
        file.write(f"# category: {category}\n# vantage: {view.about}\n# about: {about}\n{COLUMNS}\n")
        for row in found:
            file.write("\t".join((str(row.frame), row.sender, row.receiver, row.sender_state, row.receiver_state,
                                  row.sender_comparable, row.receiver_comparable)) + "\n")
