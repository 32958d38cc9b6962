"""The last words on a connection, held against the states in which its ends are left.

`tcpstate.outcome` of a later pass is the last word. The states are those of the same pass (settled), or the kernel's.
An end may be in the connection still when the other has begun the next one, and an end that opens again has left it.
outcomes.tsv names a reason for every contradiction that is left.

`closed_by.settled` and `close.kind.settled` are last words too; how often the kernel's states say otherwise is counted.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

OPENING = {"SYN-SENT", "SYN-RECEIVED"}
GONE = {"CLOSED", "LISTEN"}
SENT_FIN = {"FIN-WAIT-1", "FIN-WAIT-2", "CLOSING", "LAST-ACK", "TIME-WAIT"}
TOOK_FIN = {"CLOSE-WAIT", "CLOSING", "LAST-ACK", "TIME-WAIT"}
OPEN = {"ESTABLISHED"} | SENT_FIN | TOOK_FIN
WAITS_FOR_FIN = {"ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2"}
# Nothing goes back in a life: a sender in an older state is shown as it was when it sent.
ORDER = [{"UNKNOWN"}, {"SYN-SENT"}, {"SYN-RECEIVED"}, {"ESTABLISHED"}, {"FIN-WAIT-1", "CLOSE-WAIT"},
         {"FIN-WAIT-2", "CLOSING", "LAST-ACK"}, {"TIME-WAIT"}, GONE]


@dataclass
class End:
    """What one end went through in one connection."""
    state: str = "UNKNOWN"                              # the last
    states: set = field(default_factory=set)
    has_left: bool = False
    is_known: bool = False                              # the last state, to the kernel's witness
    is_missed: bool = False                             # a state of it, by the plugin

    def enter(self, state, sends, is_own=True):
        if self.has_left or state in ("", "UNKNOWN"):
            return
        was_open = bool(self.states & OPEN)
        if state in OPENING and (not is_own or was_open and self.state in GONE | {"TIME-WAIT"}):
            self.has_left = True                        # the next connection
        elif not (sends and rank(state) < rank(self.state)) or (self.state in GONE and not was_open):
            self.state = state
            self.states.add(state)


@dataclass
class Connection:
    ends: tuple                                         # addresses of client and server
    outcome: str = ""
    frames: list = field(default_factory=list)


class Contradiction(NamedTuple):
    capture: str
    connection: str                                     # within the capture, from 0
    outcome: str
    witness: str                                        # settled or kernel


def rank(state):
    return next(n for n, states in enumerate(ORDER) if state in states)


def connections_of(frames):
    """Those of one capture, as tshark.Runner reads them; an ICMP error has no outcome."""
    found = {}
    for number, cells in sorted(frames.items()):
        if cells["tcpstate.connection"] and cells["tcpstate.outcome.name"]:
            key = int(cells["tcpstate.connection"])
            connection = found.setdefault(key, Connection((cells["tcpstate.client"], cells["tcpstate.server"])))
            connection.outcome = cells["tcpstate.outcome.name"]
            connection.frames.append(number)
    return [found[key] for key in sorted(found)]


def settled_ends(connection, frames):
    """Client and server as the later pass has them. An end that has not opened again stays in the connection when the
    next one begins, if that begins with a SYN; else the capture has only been picked up again, and both are in that."""
    ends = (End(), End())
    own = set(connection.frames)
    for number, cells in sorted(frames.items()):
        if number < connection.frames[0] or not cells["tcpstate.outcome.name"]:
            continue
        roles = [next((role for role in ("client", "server") if cells[f"tcpstate.{role}"] == address), None)
                 for address in connection.ends]
        if None in roles:
            continue
        if number not in own and cells["tcpstate.roles.name"] == "guess":
            break
        states = [cells[f"tcpstate.{role}.settled.name"] for role in roles]
        for end, role, state, other in zip(ends, roles, states, reversed(states)):
            # It has answered a SYN,ACK of the next connection, or that is the first in which it is open.
            end.has_left |= number not in own and (state == "ESTABLISHED" and other == "SYN-RECEIVED"
                                                   or state in OPEN and not end.states & OPEN)
            end.enter(state, cells["tcpstate.sender.name"] == role, number in own)
    return ends


def contradiction(outcome, client, server):
    """In words, or "": what the outcome says and an end's state denies."""
    ends, known = (client, server), [end for end in (client, server) if end.states]
    both_known = known == list(ends)
    sent = [bool(end.states & SENT_FIN) for end in ends]
    took = [bool(end.states & TOOK_FIN) for end in ends]
    if outcome == "refused" and client.states and client.state not in GONE:
        return f"the client is in {client.state}"
    if outcome == "unanswered" and client.states & OPEN:
        return f"the client was in {min(client.states & OPEN)}"
    if outcome == "reset" and both_known and not any(end.states & GONE for end in ends):
        return "neither end is closed"
    if outcome == "reset" and all(end.state in OPEN and not end.has_left for end in ends):
        return "both ends are open"
    if outcome == "closed" and any(end.state in OPENING | WAITS_FOR_FIN | {"CLOSE-WAIT"} for end in known):
        return f"the ends are in {client.state} and {server.state}"
    if outcome == "closing" and any(not (a or b) for a, b in zip(sent, reversed(took)) if both_known):
        return "an end has sent no FIN"
    if outcome == "half-closed" and (all(sent) or (both_known and not any(sent + took))):
        return "both ends have sent a FIN" if all(sent) else "neither end has sent a FIN"
    if outcome == "established" and any(end.states & (SENT_FIN | TOOK_FIN) for end in ends):
        return "an end has sent or taken a FIN"
    if outcome == "established" and any(end.state in OPENING for end in known):
        return "an end is not open yet"
    if outcome in ("incomplete", "unknown") and both_known and all(end.states & OPEN for end in ends):
        return "both ends were open"
    return ""


def true_ends(connection, frames, truth, also_missed=False):
    """The same as the kernel had them, as far as somebody who captured this can know, and where no state was missed:
    misses.tsv tells of those. `truth`: rows by frame."""
    ends = (End(), End())
    for number in connection.frames:
        _, *row = truth.get(number, (None, "", "", "", "", "", ""))
        for end, address, role in zip(ends, connection.ends, ("client", "server")):
            if address not in row[:2]:
                continue
            at = row.index(address)
            states = row[2 + at].split("|")
            end.is_known = row[4 + at] == "yes"
            if end.is_known:
                end.is_missed |= frames[number][f"tcpstate.{role}.settled.name"] not in states
                end.enter(states[0], at == 0)
    return tuple(end if end.is_known and (also_missed or not end.is_missed) else End() for end in ends)


def contradictions(name, frames, truth):
    """{Contradiction: what contradicts} of one capture."""
    found = {}
    rows = {int(row[0]): row for row in truth}
    for number, connection in enumerate(connections_of(frames)):
        for witness, ends in (("settled", settled_ends(connection, frames)),
                              ("kernel", true_ends(connection, frames, rows))):
            words = contradiction(connection.outcome, *ends)
            if words:
                found[Contradiction(name, str(number), connection.outcome, witness)] = words
    return found


def check(results, table):
    """The lines of what is without a reason, or stale."""
    lines = [line for line in table.read_text().splitlines() if line and not line.startswith("#")][1:]
    reasons = {Contradiction(*line.split("\t")[:4]) for line in lines}
    found = {key: words for result in results for key, words in result.contradictions.items()}
    print(f"\noutcomes that the states contradict: {len(found)}; closed_by or close.kind, settled, that the kernel's states"
          f" contradict: {sum(result.closers for result in results)}")
    return ([f"outcome without a reason: {' '.join(key)}: {found[key]}" for key in found if key not in reasons]
            + [f"stale, contradicts nothing: {' '.join(key)}" for key in reasons if key not in found])


def closers(frames, truth):
    """How many connections end with a settled `closed_by` or `close.kind` that the kernel's states contradict."""
    rows = {int(row[0]): row for row in truth}
    count = 0
    for connection in connections_of(frames):
        last, ends = frames[connection.frames[-1]], true_ends(connection, frames, rows, also_missed=True)
        count += closer_is_wrong(last["tcpstate.closed_by.settled.name"], last["tcpstate.close.kind.settled.name"], ends)
    return count


def closer_is_wrong(closed_by, kind, ends):
    if not any(end.states for end in ends):
        return False                                    # nothing is known of it
    first = [bool(end.states & {"FIN-WAIT-1", "FIN-WAIT-2", "CLOSING"}) for end in ends]  # its FIN before the peer's
    second = [bool(end.states & {"CLOSE-WAIT", "LAST-ACK"}) and not is_first for end, is_first in zip(ends, first)]
    if kind == "reset":                                 # no FIN but somebody else's; TIME-WAIT is of the connection before
        return any(end.states & SENT_FIN - {"TIME-WAIT"} for end in ends) or not any(end.states & GONE for end in ends)
    blamed = {"client": second[:1], "server": second[1:], "both": second}.get(closed_by, first)
    if any(blamed):
        return True
    if kind in ("four-way", "three-segment") and all("CLOSING" in end.states for end in ends):
        return True
    return kind == "fin-reset" and not any(end.states & GONE for end in ends)
