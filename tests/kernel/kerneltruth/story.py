"""What a person would say became of the connections of a capture, and whether two captures of one run agree.

Two ends of a path do not see the same segments. Where their stories differ, the difference has an excuse if a segment
that decides one story never was at the other end, and nothing that was there tells of it: no ACK of its FIN or SYN, no
RST of a host that has no connection any more (of two such hosts, each tells only of itself); or if a RST there looks
older than it is, for the text before it was captured only there; or if it seems to come too early, or to be nobody's,
for the ACK of all before it, or the text just before it, was captured only here; or if the ACK of a FIN that was sent
before its sender's own FIN was, or that own FIN where it came before the ACK; or if a SYN came again, and one copy
more was captured where it began a connection after the end of the one before, or the RST that ended that one came
before it only here; or if the answer to the SYN before came before a SYN only there, where they are one; or if a SYN
began a connection here, and its answer fell into the opening of another SYN there, of either end, or that
SYN was captured only there; or if what is a connection here is a stray, or nothing but resets there; or if what moved an
end here was somebody else's, by the truth, and was captured only here; or if a RST without ACK crossed that of the peer, so
that it looks there like the answer of a host without a connection to what the peer had sent before. Who has aborted (RST with ACK) nothing but the abort
tells; and that a FIN was sent before its sender had its peer's, only a copy that does not acknowledge that one. A SYN with another
timestamp than any there is another SYN, and one SYN,ACK more may begin a connection of its own. And what is acknowledged
here beyond all that was captured may be a FIN, where there it is text. Everything else the observer could have known.
"""

from collections import Counter
from dataclasses import dataclass, field

from .batch import read_pcap
from .packet import ACK, FIN, RST, SYN, parse_tcp, seq_diff
from .truth import name_of

SILENT_END = ("reset", "refused")
# What decides what: the links of the plugin, the first segment of a connection, the first ACK of each FIN, and text that
# ends at the number of a FIN.
DECIDES = {
    "existed": {"first", "syn", "synack", "end of the one before"},
    "opened": {"first", "syn", "synack"},
    "ended": {"first", "another syn", "synack", "fin", "ack of fin", "text", "rst", "forgery"},
}


@dataclass
class Connection:
    client: str
    server: str
    outcome: str
    close_kind: str
    opened_by: str
    closed_by: str
    deciding: list = field(default_factory=list)        # (kind, Tcp)
    segments: list = field(default_factory=list)        # all of it
    next_syn: object = None                             # the SYN that began the next one of the same two
    resets: dict = field(default_factory=dict)          # the first RST of each end

    def _who(self, role):
        return {"client": self.client, "server": self.server}.get(role, role)

    def keys(self, wanted):
        return {key for kind, tcp in self.deciding if kind == wanted for key in _keys(tcp) if key[0] == wanted}

    def first(self):
        return next(tcp for kind, tcp in self.deciding if kind == "first")

    def parties(self):
        return frozenset((self.client, self.server))

    def opened(self):
        """In a simultaneous open, and where nobody saw it, client and server are names only."""
        return self._who(self.opened_by)

    def ended(self):
        return self.outcome, self.close_kind, self._who(self.closed_by)

    def told(self):
        return self.opened(), *self.ended()

    def __str__(self):
        opened = {"": f"{self.client} and {self.server}", "both": f"{self.client} and {self.server} opened it at once"}
        words = [opened.get(self.opened_by, f"{self.opened()} opened it"), self.outcome]
        if self.close_kind and self.close_kind != self.outcome:
            words.append(self.close_kind)
        if self.closed_by:
            words.append("both ended it" if self.closed_by == "both" else f"{self.ended()[2]} ended it")
        return ", ".join(words)


@dataclass
class Story:
    connections: list
    segments: list                                      # every Tcp of the capture
    forged: set = field(default_factory=set)            # how those look that their nominal senders had not sent

    def __post_init__(self):
        self.keys = Counter(key for tcp in self.segments for key in _keys(tcp))
        self.reached = {(_ends(tcp), tcp.end) for tcp in self.segments if tcp.end != tcp.seq}

    def by_parties(self):
        found = {}
        for connection in self.connections:
            found.setdefault(connection.parties(), []).append(connection)
        return found


def _ends(tcp):
    return tcp.src, tcp.sport, tcp.dst, tcp.dport


def _is_syn(tcp):
    return tcp.flags & (SYN | ACK) == SYN


def _is_synack(tcp):
    return tcp.flags & (SYN | ACK | RST) == SYN | ACK


def _keys(tcp):
    """What a segment says that decides; a repetition says the same."""
    flags, ends = tcp.flags, _ends(tcp)
    if flags & RST:
        yield "rst", ends, tcp.seq, tcp.ack, tcp.window, flags
        return
    if flags & SYN:
        yield "synack" if flags & ACK else "syn", ends, tcp.seq
    if flags & FIN and flags & ACK:                     # without ACK it is dropped: RFC 9293 3.10.7.4, fifth
        yield "fin", ends, tcp.end
    elif flags & ACK:
        yield "ack without fin", ends, tcp.ack
    yield "ack", ends, tcp.ack
    if tcp.end != tcp.seq and not flags & (SYN | FIN):
        yield "text", ends, tcp.end


def forgeries_taken(truth):
    """Frames of segments that their nominal senders had not sent, and that moved their receivers."""
    state, found = {}, []
    for frame, sender, receiver, sender_state, receiver_state, sender_why, _ in truth:
        if sender_why == "forged":
            if state.get(receiver, receiver_state) != receiver_state:
                found.append(int(frame))
        else:
            state[sender] = sender_state
        state[receiver] = receiver_state
    return found


def read(capture, frames, truth=()):
    """The story of one capture; `frames`: what the plugin shows of each; `truth`: rows of judge.read_truth."""
    forgeries = forgeries_taken(truth)
    segments = {number: parse_tcp(raw) for number, (_, raw) in enumerate(read_pcap(capture), 1)}
    segments = {number: tcp for number, tcp in segments.items() if tcp}
    of = {}
    for number, cells in sorted(frames.items()):
        if cells["tcpstate.connection"]:
            of.setdefault(int(cells["tcpstate.connection"]), []).append((number, cells))
    connections, before = [], {}
    for number in sorted(of):
        own = [segments[frame] for frame, _ in of[number] if frame in segments]
        if all(tcp.flags & RST for tcp in own):
            continue                                    # a stray reset is no connection
        found = connection_of(of[number], own, segments)
        found.deciding += [("forgery", segments[frame]) for frame, _ in of[number] if frame in forgeries]
        previous = before.get(found.parties())
        if previous:
            previous.next_syn = own[0] if _is_syn(own[0]) else None
            found.deciding += [("end of the one before", tcp) for kind, tcp in previous.deciding
                               if kind in DECIDES["ended"]]
        before[found.parties()] = found
        connections.append(found)
    forged = {_looks(segments[int(row[0])]) for row in truth if row[5] == "forged" and int(row[0]) in segments}
    return Story(connections, list(segments.values()), forged)


def connection_of(shown, own, segments):
    last = shown[-1][1]
    found = Connection(*(last[f"tcpstate.{key}"] for key in (
        "client", "server", "outcome.name", "close.kind.settled.name", "opened_by.name", "closed_by.settled.name")))
    found.segments = own
    found.deciding.append(("first", own[0]))
    for kind, key in (("syn", "syn_frame"), ("synack", "synack_frame"), ("rst", "rst_frame"),
                      ("fin", "client.fin_frame"), ("fin", "server.fin_frame")):
        linked = segments.get(int(last[f"tcpstate.{key}"] or 0))
        if not linked:
            continue
        found.deciding.append((kind, linked))
        if kind == "fin":
            answers = (tcp for tcp in own if _ends(tcp) == _back(linked) and tcp.flags & ACK and tcp.ack == linked.end)
            found.deciding += [("ack of fin", tcp) for tcp in list(answers)[:1]]
    found.resets = first_resets(own)
    found.deciding += [("fin", segments[frame]) for frame, cells in shown
                       if frame in segments and _is_settled_fin(segments[frame], cells)]
    found.deciding += resets_that_decide(found, own) + syns_that_decide(found, own) + texts_that_decide(own)
    return found


def _is_settled_fin(tcp, cells):
    """Does the whole capture show that its sender has sent this FIN? The links are those of the first pass."""
    return tcp.flags & (FIN | RST) == FIN and \
        cells[f"tcpstate.{cells['tcpstate.sender.name']}.settled.name"] in ("FIN-WAIT-1", "CLOSING", "LAST-ACK")


def texts_that_decide(segments):
    """Whoever has taken text that ends at the number of a FIN, taken for one or not, has not taken that FIN."""
    fins = {(_ends(tcp), tcp.end) for tcp in segments if tcp.flags & FIN}
    return [("text", tcp) for tcp in segments if (_ends(tcp), tcp.end) in fins and tcp.end != tcp.seq
            and not tcp.flags & (SYN | FIN | RST)]


def syns_that_decide(connection, segments):
    """Beside the one that the plugin links: where both opened it, each SYN; and those with which its opener tried again by
    another number, which any answer to the first is no answer to."""
    syns = [tcp for tcp in segments if _is_syn(tcp)]
    again = [tcp for tcp in syns if _ends(tcp) == _ends(syns[0]) and tcp.seq != syns[0].seq]
    return ([("syn", tcp) for tcp in syns] if connection.opened_by == "both" else []) + [("another syn", tcp) for tcp in again]


def first_resets(segments):
    return {_ends(tcp): tcp for tcp in reversed(segments) if tcp.flags & RST}


def resets_that_decide(connection, segments):
    """Beside the one that the plugin links: where both ended it by resets, the first of each; where one did, its abort."""
    if connection.close_kind != "reset":
        return []
    if connection.closed_by != "both":
        ended = connection.ended()[2]
        return [("rst", tcp) for tcp in segments if tcp.flags & RST and tcp.flags & ACK
                and name_of(_ends(tcp)[:2]) == ended][:1]
    return [("rst", tcp) for tcp in connection.resets.values()]


def _back(tcp):
    return tcp.dst, tcp.dport, tcp.src, tcp.sport


def _looks(tcp):
    return _ends(tcp), tcp.seq, tcp.end, tcp.ack, tcp.flags


def _is_unknown(kind, tcp, here, other, connection):
    """Was the segment never at the other end, and does nothing there tell of it?"""
    if kind == "first" and not connection and not tcp.flags & SYN:
        # A stray: only who has captured just that knows of more than its answer.
        return not _has(tcp, other)
    first = next(_keys(tcp))                            # the most telling
    wanted = {"syn": "syn", "synack": "synack", "fin": "fin", "rst": "rst",
              "ack of fin": "ack" if tcp.flags & FIN else "ack without fin", "text": "text"}.get(kind, first[0])
    for key in _keys(tcp):
        # Resets that look alike are counted, each may end a connection; and SYNs, one may come before such an end, one after.
        counts = kind == "end of the one before" and tcp.flags & RST or kind == "first" and tcp.flags & SYN
        enough = here.keys[key] if counts else 1
        if wanted == key[0] and other.keys[key] >= enough:
            return False
    if tcp.flags & RST:
        answered = connection and _back(tcp) in connection.resets
        silent = not connection or connection.outcome in SILENT_END
        return bool(tcp.flags & ACK) or silent or not answered  # no answer tells of an abort
    if kind in ("first", "end of the one before") and _is_syn(tcp) and any(_is_syn(of) and _ends(of) == _ends(tcp)
                                                                           for of in other.segments):
        return True                                     # the answer to it looks like one to that, with a wrong ACK
    explained = (_ends(tcp), tcp.end) in other.reached  # the ACK may be of another FIN or SYN, or of data
    return explained or not tcp.flags & (SYN | FIN) or not other.keys["ack", _back(tcp), tcp.end]


def _seems_old(rst, here, other):
    """From the other end the RST has the number of text that was sent before, and only here is it missing."""
    return any(_ends(tcp) == _ends(rst) and tcp.seq == rst.seq and tcp.end != tcp.seq and not tcp.flags & (SYN | FIN | RST)
               and not any(here.keys[key] for key in _keys(tcp) if key[0] == "text") for tcp in other.segments)


def _seems_early(rst, here, there):
    """At the other end the RST lies above all that its receiver is known to have: the ACK up to it is only here."""
    key = "ack", _back(rst), rst.seq
    return here.keys[key] and not there.keys[key]


def _seems_beyond(rst, here, there):
    """At the other end the RST lies beyond all that its sender is known to have sent: the text up to it is only here."""
    key = "text", _ends(rst), rst.seq
    return here.keys[key] and not there.keys[key] and not there.keys["ack", _back(rst), rst.seq]


def _comes_before(tcp, syn, story):
    """A RST or SYN,ACK like that, and then a SYN like that?"""
    wanted = next(key for key in _keys(syn) if key[0] == "syn")
    frames = [next(_keys(of)) for of in story.segments]
    found = [number for number, key in enumerate(frames) if key == next(_keys(tcp))]
    syns = [number for number, key in enumerate(frames) if key == wanted]
    return bool(found and syns) and found[0] < syns[-1]


def _is_answered_before(syn, here, there):
    """There its receiver had answered another SYN when it came, and so it was no new beginning; here that answer came later."""
    return any(_is_synack(tcp) and _ends(tcp) == _back(syn) and tcp.ack != syn.end
               and _comes_before(tcp, syn, there) and not _comes_before(tcp, syn, here) for tcp in there.segments)


def _has(tcp, story):
    return any(_looks(of) == _looks(tcp) for of in story.segments)


def _crosses(fin, connection, story):
    """A copy was captured that its sender sent before it had the FIN of its peer."""
    peer_fins = [tcp.end for kind, tcp in connection.deciding if kind == "fin" and _ends(tcp) == _back(fin)]
    return any(_ends(tcp) == _ends(fin) and tcp.flags & FIN and tcp.end == fin.end and seq_diff(tcp.ack, number) < 0
               for tcp in story.segments for number in peer_fins)


def _is_later_there(ack, connection, there):
    """At the other end every ACK of the FIN was sent after its sender's own FIN: the one before is only here."""
    own = [tcp.end for kind, tcp in connection.deciding if kind == "fin" and _ends(tcp) == _ends(ack)]
    return bool(own) and not ack.flags & FIN and seq_diff(ack.end, own[0]) < 0 and not any(
        _ends(tcp) == _ends(ack) and tcp.ack == ack.ack and tcp.flags & ACK and not tcp.flags & (FIN | RST)
        and seq_diff(tcp.end, own[0]) < 0 for tcp in there.segments)


def _answers(fin, connection, story):
    """Is that FIN the first captured segment of its sender that acknowledges the FIN of the peer? Or else does the ACK that
    is come from after it?"""
    peer_fins = [tcp.end for kind, tcp in connection.deciding if kind == "fin" and _ends(tcp) == _back(fin)]
    first = next((tcp for tcp in story.segments if _ends(tcp) == _ends(fin) and tcp.flags & ACK and tcp.ack in peer_fins), None)
    return bool(first and first.flags & FIN), bool(first) and not first.flags & FIN and seq_diff(first.seq, fin.end) >= 0


def _looks_like_an_answer(rst, mine, other, here, there):
    """Both have reset, and their resets crossed: there it comes after that of its peer."""
    def is_first(connection, story):
        at = {ends: story.segments.index(first) for ends, first in connection.resets.items()}
        return len(at) == 2 and at[_ends(rst)] < at[_back(rst)]
    return mine.closed_by == "both" and other.closed_by != "both" and len(other.resets) == 2 and not rst.flags & ACK and \
        is_first(mine, here) and not is_first(other, there)


def _answers_its_opener_there(synack, here, there):
    """There its sender opens a connection by the same number, and the SYN that it answers was captured only here."""
    def is_answered(tcp):
        return _is_syn(tcp) and _ends(tcp) == _back(synack) and tcp.end == synack.ack
    return _is_synack(synack) and any(map(is_answered, here.segments)) and not any(map(is_answered, there.segments)) and \
        any(_is_syn(tcp) and _ends(tcp) == _ends(synack) and tcp.seq == synack.seq for tcp in there.segments)


def _is_another_syn(syn, there):
    """Of its number there are some, but by their timestamps none is a copy of this one."""
    alike = [tcp for tcp in there.segments if _is_syn(tcp) and _ends(tcp) == _ends(syn) and tcp.seq == syn.seq]
    return bool(alike) and all(tcp.tsval != syn.tsval for tcp in alike)


def _answers_only_there(synack, here, there):
    """The SYN that it answers was captured only there, and it belongs there to what that is part of."""
    def is_answered(tcp):
        return _is_syn(tcp) and _ends(tcp) == _back(synack) and tcp.seq + 1 & 0xffffffff == synack.ack
    return _is_synack(synack) and any(map(is_answered, there.segments)) and \
        not any(map(is_answered, here.segments))


def _text_for_fin(mine, here, there):
    """The ACK of a FIN that nobody captured, of text that only there was captured."""
    ended = mine.ended()[2]
    if any(tcp.flags & FIN and name_of(_ends(tcp)[:2]) == ended for tcp in mine.segments):
        return None
    return next((tcp for tcp in mine.segments if tcp.flags & (ACK | RST) == ACK and name_of(_ends(tcp)[2:]) == ended
                 and (_back(tcp), tcp.ack) in there.reached - here.reached), None)


def _is_gone_only_here(mine, other):
    """The RST of an end that has no connection any more. The other end has sent one too, of which nothing is known but that
    it is gone as well: after a FIN the number that answers what was sent before is too low to end anything."""
    lacking = set(mine.resets) - set(other.resets)
    if (mine.outcome, mine.close_kind) == ("reset", "fin-reset") and other.outcome != "reset" \
            and len(lacking) == 1 and other.resets:
        return mine.resets[lacking.pop()]
    return None


def _differs(one, two):
    """The parts in which two connections differ. An end that saw no SYN cannot tell who opened it."""
    if not one or not two:
        return {"existed"}
    parts = {part for part in ("opened", "ended") if getattr(one, part)() != getattr(two, part)()}
    return parts if one.opened() and two.opened() else parts - {"opened"}


def _excuse(one, two, story_one, story_two, part):
    for mine, other, here, there in ((one, two, story_one, story_two), (two, one, story_two, story_one)):
        text = part == "ended" and mine.close_kind == "fin-reset" and _text_for_fin(mine, here, there)
        if text:
            return f"what is acknowledged {text}"
        for kind, tcp in mine.deciding if mine else ():
            if kind not in DECIDES[part]:
                continue
            if kind == "forgery":
                if _looks(tcp) not in there.forged:     # its nominal sender may have sent such a one
                    return f"{kind} {tcp}"
                continue
            if _is_unknown(kind, tcp, here, there, other):
                return f"{kind} {tcp}"
            if kind == "fin" and _crosses(tcp, mine, here) and not _crosses(tcp, mine, there):
                return f"copy before the peer's {kind} {tcp}"
            if kind == "fin" and _answers(tcp, mine, here)[0] and _answers(tcp, mine, there)[1]:
                return f"copy before its sender's ack {kind} {tcp}"
            if kind == "ack of fin" and _is_later_there(tcp, mine, there):
                return f"{kind} before its sender's own {tcp}"
            if kind == "synack" and other and other.next_syn and _is_answered_before(other.next_syn, there, here):
                return f"before the next connection's syn {kind} {tcp}"
            if kind == "first" and not other and _is_syn(tcp) and _is_answered_before(tcp, here, there):
                return f"the syn before was answered, {kind} {tcp}"
            if kind == "first" and other and _is_syn(tcp) and _is_another_syn(tcp, there):
                return f"another timestamp, {kind} {tcp}"
            if kind == "first" and not other and _answers_its_opener_there(tcp, here, there):
                return f"no syn for {kind} {tcp}"
            if kind == "first" and not other and _answers_only_there(tcp, here, there):
                return f"the syn is not of {kind} {tcp}"
            if kind == "rst" and other and _looks_like_an_answer(tcp, mine, other, here, there):
                return f"before the peer's {kind} {tcp}"
            if kind == "rst" and other and _is_gone_only_here(mine, other):
                return f"rst of who is gone too {_is_gone_only_here(mine, other)}"
            if kind == "end of the one before" and tcp.flags & RST and _is_syn(mine.first()) and \
                    _has(mine.first(), there) and _comes_before(tcp, mine.first(), here) and \
                    not _comes_before(tcp, mine.first(), there):
                return f"before its syn {kind} {tcp}"
            if kind == "first" and not other and not _has(tcp, there) and \
                    all(of.flags & RST for of in mine.segments if _has(of, there)):
                return f"all but resets, which are no connection: {kind} {tcp}"
            if kind == "rst" and mine.next_syn and _comes_before(tcp, mine.next_syn, here) and \
                    not _comes_before(tcp, mine.next_syn, there):
                return f"before the next connection's syn {kind} {tcp}"
            if kind == "rst" and _seems_old(tcp, here, there):
                return f"text before {kind} {tcp}"
            if kind == "rst" and _seems_beyond(tcp, here, there):
                return f"text up to {kind} {tcp}"
            if kind == "rst" and _seems_early(tcp, here, there):
                return f"ack of what is before {kind} {tcp}"
    return ""


def compare(one, two):
    """[(connection or None, connection or None, excuse or "")] of those that differ, in order."""
    found = []
    ours, theirs = one.by_parties(), two.by_parties()
    for parties in dict.fromkeys([*ours, *theirs]):
        for mine, other in _pairs(ours.get(parties, []), theirs.get(parties, [])):
            parts = _differs(mine, other)
            if parts:
                excuses = [_excuse(mine, other, one, two, part) for part in sorted(parts)]
                found.append((mine, other, "; ".join(dict.fromkeys(excuses)) if all(excuses) else ""))
    return found


def _pairs(ours, theirs):
    """Those that began with the same SYN or SYN,ACK; what is left in order, and at last alone."""
    left, pairs = list(theirs), [[mine, None] for mine in ours]
    for kind in ("synack", "syn"):
        for pair in pairs:
            same = [other for other in left if not pair[1] and pair[0].keys(kind) & other.keys(kind)]
            if same:
                # A refused SYN may be tried again with the same number: another connection.
                pair[1] = next((other for other in same if other.told() == pair[0].told()), same[0])
                left.remove(pair[1])
    for pair in pairs:
        if not pair[1] and left:
            pair[1] = left.pop(0)
    return pairs + [(None, other) for other in left]
