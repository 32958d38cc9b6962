# SPDX-License-Identifier: GPL-2.0-or-later
"""The scenario language: one line is one captured segment and what an observer must conclude from it.

`tests/scenarios/README.md` describes the language. This file only reads it; `scenario_run.py` runs scenarios. Whatever
it does not know is an error that names file and line, so that a misspelt expectation cannot pass for a fulfilled one.
"""

import dataclasses
import ipaddress
import pathlib
import re
import zlib
from decimal import Decimal, InvalidOperation

from support import frames

ENGINE = pathlib.Path(__file__).resolve().parents[2] / "plugin" / "engine"
STATES = ("UNKNOWN", "CLOSED", "LISTEN", "SYN-SENT", "SYN-RECEIVED", "ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2",
          "CLOSE-WAIT", "CLOSING", "LAST-ACK", "TIME-WAIT")
CERTAINTIES = ("unknown", "inferred", "assumed", "proved")
FLAGS = {"F": frames.FIN, "S": frames.SYN, "R": frames.RST, "P": frames.PSH, ".": frames.ACK, "U": frames.URG,
         "E": frames.ECE, "W": frames.CWR, "e": frames.AE}
DOCUMENTATION = [ipaddress.ip_network(text) for text in
                 ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")]
PREFERENCES = ("msl", "checksum")
TCP_HEADER, LONGEST_TCP_HEADER = 20, 60
START_NS = 1_750_000_000 * 10**9
ID_STEP = 25033  # odd, so that no two of 65536 packets have the same, and large, so that they tell no order


class ScenarioError(ValueError):
    """`file:line: what is wrong`"""


@dataclasses.dataclass(frozen=True)
class Finding:
    """One row of finding.def."""
    id: str
    kind: str
    severity: str
    frequency: str


def read_findings(path=ENGINE / "finding.def"):
    """The rows of finding.def by id, empty while there is no such file."""
    if not path.exists():
        return {}
    rows = re.findall(r"^FINDING\(\s*(\w+)\s*,\s*(\w+)\s*,\s*(\w+)\s*,\s*(\w+)", path.read_text(), re.MULTILINE)
    return {row[0]: Finding(row[0], *(word.lower() for word in row[1:])) for row in rows}


@dataclasses.dataclass
class Peer:
    name: str
    address: str
    port: int
    isn: int

    @property
    def endpoint(self):
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


@dataclasses.dataclass
class Segment:
    """A captured segment, numbers as on the wire, and what must be concluded from it."""
    line: int
    time_ns: int
    sender: Peer
    receiver: Peer
    flags: int
    seq: int
    length: int
    ack: int
    window: int
    options: bytes = b""
    facts: dict = dataclasses.field(default_factory=dict)  # of the options: mss, ws, ts, sack, ...
    ttl: int = 64
    ip_id: int = 0
    urgent: int = 0
    bad_checksum: bool = False
    snap: int = 0  # so many octets of the TCP header were captured, 0: all
    # ---- expected
    peers: tuple = ()     # whose states the columns show
    states: tuple = ()
    findings: tuple = ()  # must be raised
    absent: tuple = ()    # must not be raised
    exact: bool = False   # nothing else may be raised
    checks: list = dataclasses.field(default_factory=list)  # (line, what, value ...) of the indented lines

    @property
    def payload(self):
        """Octets that depend on the sequence number only, so that a retransmission repeats them."""
        return bytes(0x61 + (self.seq + i) % 26 for i in range(self.length))

    @property
    def tcp(self):
        return frames.tcp_segment(self.sender.address, self.receiver.address, self.sender.port, self.receiver.port,
                                  seq=self.seq, ack=self.ack, flags=self.flags, window=self.window, urgent=self.urgent,
                                  options=self.options, payload=self.payload, bad_checksum=self.bad_checksum)

    @property
    def is_cut(self):
        """Are the options missing from the capture?"""
        return 0 < self.snap < frames.tcp_header_length(self.tcp)

    @property
    def header_digest(self):
        tcp = self.tcp
        return zlib.crc32(tcp[:frames.tcp_header_length(tcp)])

    @property
    def frame(self):
        packet = frames.ip_packet(self.sender.address, self.receiver.address, self.tcp, ttl=self.ttl,
                                  identification=self.ip_id)
        return frames.ethernet(packet, *((1, 2) if self.sender.name < self.receiver.name else (2, 1)))


@dataclasses.dataclass
class Scenario:
    path: pathlib.Path
    name: str = ""
    about: str = ""
    rfc: str = ""
    preferences: dict = dataclasses.field(default_factory=dict)
    peers: dict = dataclasses.field(default_factory=dict)
    segments: list = dataclasses.field(default_factory=list)
    finals: list = dataclasses.field(default_factory=list)  # (line, connection or None, field, value)
    snap: int = 0  # so many octets of each TCP header were captured, 0: whole frames

    def begin_at(self, time_ns):
        """Moves the time of the first segment to `time_ns`, and all others with it."""
        later_ns = time_ns - self.segments[0].time_ns
        for segment in self.segments:
            segment.time_ns += later_ns

    @property
    def pcap_frames(self):
        return [(segment.time_ns, segment.frame) for segment in self.segments]


class Parser:
    def __init__(self, path, text, known_findings):
        self.path, self.text, self.known_findings = path, text, known_findings
        self.scenario = Scenario(pathlib.Path(path))
        self.line = 0
        self.now = START_NS
        self.sent = {}  # segments so far, by peer: the default IP identification

    def fail(self, message):
        raise ScenarioError(f"{self.path}:{self.line}: {message}")

    def parse(self):
        for self.line, text in enumerate(self.text.splitlines(), 1):
            text = text.rstrip()
            if not text or text.lstrip().startswith("#"):
                continue
            if "\t" in text:
                self.fail("a tab")
            if not text[0].isspace():
                self.parse_head(text)
            elif text.lstrip()[0] in "+-":
                self.parse_segment(text)
            else:
                self.parse_check(text.split())
        self.line += 1
        if not self.scenario.name:
            self.fail("no line 'scenario NAME'")
        if not self.scenario.about:
            self.fail("no line 'about ...'")
        if not self.scenario.segments:
            self.fail("no segment")
        return self.scenario

    # ---- lines of the whole scenario

    def parse_head(self, text):
        word, _, rest = text.partition(" ")
        rest = rest.strip()
        if not rest:
            self.fail(f"nothing after '{word}'")
        match word:
            case "scenario":
                if rest != self.scenario.path.stem:
                    self.fail(f"scenario '{rest}' is in a file of another name")
                self.scenario.name = rest
            case "about":
                self.scenario.about = f"{self.scenario.about} {rest}".strip()
            case "rfc":
                self.scenario.rfc = f"{self.scenario.rfc}, {rest}" if self.scenario.rfc else rest
            case "peer":
                self.parse_peer(rest.split())
            case "isn":
                self.parse_isn(rest.split())
            case "pref":
                self.parse_preference(rest.split())
            case "final":
                self.parse_final(rest.split())
            case "snap":
                self.scenario.snap = self.number(rest, TCP_HEADER, LONGEST_TCP_HEADER)
            case _:
                self.fail(f"unknown word '{word}'")

    def parse_peer(self, words):
        match words:
            case [name, endpoint, "isn", isn] if re.fullmatch("[A-Z]", name):
                pass
            case _:
                self.fail("a peer is written 'peer A ADDRESS:PORT isn N'")
        found = re.fullmatch(r"(?:\[([0-9a-fA-F:]+)\]|([0-9.]+)):(\d+)", endpoint)
        if not found:
            self.fail(f"'{endpoint}' is no ADDRESS:PORT")
        try:
            address = ipaddress.ip_address(found[1] or found[2])
        except ValueError as error:
            self.fail(str(error))
        if not (address.is_multicast or str(address) == "255.255.255.255"
                or any(address in network for network in DOCUMENTATION)):
            self.fail(f"{address} is not an address for documentation")
        port = int(found[3])
        if not 0 <= port <= 65535:
            self.fail(f"no port: {port}")
        if name in self.scenario.peers:
            self.fail(f"a second peer {name}")
        self.scenario.peers[name] = Peer(name, str(address), port, self.number(isn, 0, 2**32 - 1))

    def parse_isn(self, words):
        """`isn A N [B N]`: from here on sequence numbers count from another ISN."""
        if len(words) % 2:
            self.fail("an ISN is written 'isn A N'")
        for name, isn in zip(words[::2], words[1::2]):
            peer = self.peer(name)
            self.scenario.peers[name] = dataclasses.replace(peer, isn=self.number(isn, 0, 2**32 - 1))

    def parse_preference(self, words):
        if len(words) != 2 or words[0] not in PREFERENCES:
            self.fail(f"a preference is one of {', '.join(PREFERENCES)} and its value")
        self.scenario.preferences[words[0]] = words[1]

    def parse_final(self, words):
        connection = None
        if words[0] == "connection":
            if len(words) < 2:
                self.fail("which connection?")
            connection, words = self.number(words[1], 0, 10**6), words[2:]
        if len(words) < 2:
            self.fail("a final word is written 'final [connection N] FIELD VALUE'")
        self.scenario.finals.append((self.line, connection, words[0], " ".join(words[1:])))

    # ---- a segment

    def parse_segment(self, text):
        facts, bar, expected = text.partition("|")
        if not bar:
            self.fail("a segment has its states after '|'")
        words = facts.split()
        if len(words) < 4:
            self.fail("a segment is written '+SECONDS A>B FLAGS SEQ:END(LEN) [ACK] WINDOW [OPTION...] | STATE STATE'")
        self.now += self.time(words.pop(0))
        sender, receiver = self.direction(words.pop(0))
        flags = self.flags(words.pop(0))
        seq, length = self.sequence(words.pop(0), sender)
        ack = 0
        if flags & frames.ACK:
            if not words:
                self.fail("no acknowledgment number")
            ack = self.relative(words.pop(0), receiver)
        if not words:
            self.fail("no window")
        window = self.number(words.pop(0), 0, 65535)
        count = self.sent[sender.name] = self.sent.get(sender.name, 0) + 1
        segment = Segment(self.line, self.now, sender, receiver, flags, seq, length, ack, window, ip_id=count * ID_STEP % 65536,
                          snap=self.scenario.snap)
        while words:
            self.parse_option(segment, words)
        try:
            segment.tcp
        except ValueError as error:
            self.fail(str(error))
        if segment.is_cut and (segment.snap > TCP_HEADER or ":" in sender.address):
            self.fail("'snap' cuts IPv4 segments only, and before the first option")
        self.parse_expected(segment, expected.split())
        self.scenario.segments.append(segment)

    def parse_option(self, segment, words):
        def argument():
            if not words:
                self.fail(f"'{word}' wants a value")
            return words.pop(0)

        word = words.pop(0)
        if word in segment.facts and word != "sack":
            self.fail(f"a second '{word}'")
        match word:
            case "mss":
                segment.facts[word] = self.number(argument(), 0, 65535)
                segment.options += frames.option_mss(segment.facts[word])
            case "ws":
                segment.facts[word] = self.number(argument(), 0, 255)
                segment.options += frames.option_window_scale(segment.facts[word])
            case "sackok":
                segment.facts[word] = True
                segment.options += frames.option_sack_permitted()
            case "ts":
                segment.facts[word] = self.number(argument(), 0, 2**32 - 1), self.number(argument(), 0, 2**32 - 1)
                segment.options += frames.option_timestamps(*segment.facts[word])
            case "sack":
                if word in segment.facts:
                    self.fail("write 'sack L:R,L:R' for several blocks")
                blocks = [tuple(self.relative(edge, segment.receiver) for edge in block.split(":"))
                          for block in argument().split(",")]
                if any(len(block) != 2 for block in blocks):
                    self.fail("a block of SACK is written LEFT:RIGHT")
                segment.facts[word] = blocks
                segment.options += frames.option_sack(blocks)
            case "tfo":
                segment.facts["tfo"] = b""
                segment.options += frames.option_fast_open()
            case "tfo-cookie":
                segment.facts["tfo"] = self.hexadecimal(argument())
                segment.options += frames.option_fast_open(segment.facts["tfo"])
            case "md5":
                segment.facts[word] = True
                segment.options += frames.option_md5()
            case "ttl":
                segment.ttl = self.number(argument(), 0, 255)
            case "id":
                segment.ip_id = self.number(argument(), 0, 65535)
            case "badsum":
                segment.bad_checksum = True
            case "ack-raw":
                if segment.flags & frames.ACK:
                    self.fail("'ack-raw' is for a segment without ACK; write '=N' as the acknowledgment number")
                segment.ack = self.number(argument(), 0, 2**32 - 1)
            case "urg":
                segment.urgent = self.number(argument(), 0, 65535)
            case _:
                self.fail(f"unknown word '{word}'")

    def parse_expected(self, segment, words):
        segment.peers = tuple(sorted((segment.sender, segment.receiver), key=lambda peer: peer.name))
        if len(words) < 2:
            self.fail("two states stand after '|'")
        segment.states = tuple(words[:2])
        for state in segment.states:
            if state not in STATES:
                self.fail(f"unknown state '{state}'")
        if not words[2:]:
            return
        if words[2] != "!" or not words[3:]:
            self.fail(f"after the states stands '!' and then findings, not '{' '.join(words[2:])}'")
        segment.exact = words[3] in ("only", "none")
        if words[3] == "none" and words[4:]:
            self.fail("'none' stands alone")
        for word in words[3 + segment.exact:]:
            if self.known_findings and word.removeprefix("!") not in self.known_findings:
                self.fail(f"unknown finding '{word}'")
            if word.startswith("!"):
                segment.absent += (word[1:],)
            else:
                segment.findings += (word,)

    # ---- more about the segment above

    def parse_check(self, words):
        if not self.scenario.segments:
            self.fail("no segment stands above this line")
        segment = self.scenario.segments[-1]
        text = " ".join(words[1:])

        def of_the_peers(allowed):
            if len(words) != 3 or words[1] not in allowed or words[2] not in allowed:
                self.fail(f"'{words[0]}' wants a word for each peer, of: {', '.join(allowed)}")
            return words[1], words[2]

        match words[0]:
            case "before" | "settled":
                value = of_the_peers(STATES)
            case "certainty":
                value = of_the_peers(CERTAINTIES)
            case "transition":
                found = re.fullmatch(r"([A-Z]) ([A-Z0-9-]+) -> ([A-Z0-9-]+)( \(taken back\))?", text)
                if text != "none" and not (found and found[2] in STATES and found[3] in STATES):
                    self.fail("write 'transition A STATE -> STATE [(taken back)]' or 'transition none'")
                if found:
                    self.peer(found[1])
                value = text
            case "says" | "tells":
                found = re.fullmatch('"(.+)"', text)
                if not found:
                    self.fail("what an explanation says or a finding tells stands in quotation marks")
                value = found[1]
            case "step" | "outcome":
                if not text:
                    self.fail(f"'{words[0]}' wants a value")
                value = text
            case "connection":
                value = str(self.number(text, 0, 10**6))
            case "client":
                value = self.peer(text).name
            case "finally":
                for word in words[1:]:
                    if self.known_findings and word.removeprefix("!") not in self.known_findings:
                        self.fail(f"unknown finding '{word}'")
                value = tuple(words[1:])
            case "field":
                if len(words) < 3:
                    self.fail("a field is written 'field NAME VALUE'")
                value = (words[1].removeprefix("tcpstate."), " ".join(words[2:]))
            case _:
                self.fail(f"unknown word '{words[0]}'")
        segment.checks.append((self.line, words[0], value))

    # ---- words

    def number(self, text, low, high):
        if not re.fullmatch(r"[0-9]+", text) or not low <= int(text) <= high:
            self.fail(f"'{text}' is no number from {low} to {high}")
        return int(text)

    def hexadecimal(self, text):
        try:
            return bytes.fromhex(text)
        except ValueError:
            self.fail(f"'{text}' is not hexadecimal")

    def time(self, text):
        try:
            nanoseconds = Decimal(text) * 10**9
        except InvalidOperation:
            self.fail(f"'{text}' is no time")
        if nanoseconds != int(nanoseconds):
            self.fail(f"'{text}' is finer than a nanosecond")
        return int(nanoseconds)

    def peer(self, name):
        if name not in self.scenario.peers:
            self.fail(f"no peer '{name}'")
        return self.scenario.peers[name]

    def direction(self, text):
        names = text.split(">")
        if len(names) != 2:
            self.fail(f"'{text}' is no direction, 'A>B' is one")
        return self.peer(names[0]), self.peer(names[1])

    def flags(self, text):
        if text == "none":
            return 0
        value = 0
        for letter in text:
            if letter not in FLAGS:
                self.fail(f"unknown flag '{letter}'")
            if value & FLAGS[letter]:
                self.fail(f"the flag '{letter}' twice")
            value |= FLAGS[letter]
        return value

    def sequence(self, text, sender):
        """`SEQ:END(LEN)`, relative to the ISN, or with a leading `=` as on the wire."""
        found = re.fullmatch(r"(=?)(-?\d+):(-?\d+)\((\d+)\)", text)
        if not found:
            self.fail(f"'{text}' is not written SEQ:END(LEN)")
        start, end, length = int(found[2]), int(found[3]), int(found[4])
        if start + length != end:
            self.fail(f"{start} and {length} octets end at {start + length}, not at {end}")
        return (start + (0 if found[1] else sender.isn)) % 2**32, length

    def relative(self, text, peer):
        found = re.fullmatch(r"(=?)(-?\d+)", text)
        if not found:
            self.fail(f"'{text}' is no sequence number")
        return (int(found[2]) + (0 if found[1] else peer.isn)) % 2**32


def read_scenario(path, known_findings=None):
    """The scenario in the file `path`; raises ScenarioError."""
    path = pathlib.Path(path)
    return parse_scenario(path, path.read_text(), known_findings)


def parse_scenario(path, text, known_findings=None):
    return Parser(path, text, read_findings() if known_findings is None else known_findings).parse()
