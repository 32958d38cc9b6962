"""What an observer shows who believes every packet: it is from whom it names, it arrives, and no number is checked but
that an ACK covers a FIN.

A measure of how hard a set of captures is: who compares figures of two sets needs to know what naivety makes of each.
"""

from dataclasses import dataclass

from .batch import read_pcap
from .packet import ACK, FIN, RST, SYN, parse_tcp, seq_diff
from .truth import name_of

# RFC 9293 figure 5, for who sends a FIN, gets one, and has its own acknowledged.
SENDS_FIN = {"ESTABLISHED": "FIN-WAIT-1", "CLOSE-WAIT": "LAST-ACK"}
TAKES_FIN = {"ESTABLISHED": "CLOSE-WAIT", "FIN-WAIT-1": "CLOSING", "FIN-WAIT-2": "TIME-WAIT"}
FIN_ACKED = {"FIN-WAIT-1": "FIN-WAIT-2", "CLOSING": "TIME-WAIT", "LAST-ACK": "CLOSED"}
OPENING = ("", "SYN-SENT", "SYN-RECEIVED")


@dataclass
class End:
    state: str = ""
    fin: int = -1                                       # the number behind its FIN


def states(capture):
    """{frame: {endpoint: state}} of both ends after each segment."""
    found, connections = {}, {}
    for number, (_, raw) in enumerate(read_pcap(capture), 1):
        tcp = parse_tcp(raw)
        if not tcp:
            continue
        names = (tcp.src, tcp.sport), (tcp.dst, tcp.dport)
        ends = connections.setdefault(frozenset(names), {})
        sender, receiver = (ends.setdefault(name, End()) for name in names)
        believe(tcp, sender, receiver)
        found[number] = {name_of(name): end.state for name, end in ends.items()}
    return found


def believe(tcp, sender, receiver):
    if tcp.flags & RST:
        sender.state = receiver.state = "CLOSED"
    elif tcp.flags & SYN:
        answer = tcp.flags & ACK
        sender.state, receiver.state = ("SYN-RECEIVED", "ESTABLISHED") if answer else ("SYN-SENT", "SYN-RECEIVED")
        sender.fin = receiver.fin = -1
    else:
        for end in sender, receiver:
            end.state = "ESTABLISHED" if end.state in OPENING else end.state
        if tcp.flags & ACK and receiver.fin >= 0 and seq_diff(tcp.ack, receiver.fin) >= 0:
            receiver.state = FIN_ACKED.get(receiver.state, receiver.state)
        if tcp.flags & FIN:
            sender.fin = tcp.end
            sender.state = SENDS_FIN.get(sender.state, sender.state)
            receiver.state = TAKES_FIN.get(receiver.state, receiver.state)
