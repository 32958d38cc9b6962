# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs a scenario through the engine alone or through tshark and holds what came out against what was expected.

A transcript is a list of rows, one for each segment; a row maps the name of a field, without "tcpstate.", to the list
of its values. Both ways make the same transcript, so that they can be compared with each other too.
"""

import functools
import ipaddress
import os
import pathlib
import subprocess
import tempfile
from decimal import Decimal, InvalidOperation

from support import pcap
from support import scenario as language
from support.env import engine_runner

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCENARIOS = ROOT / "tests" / "scenarios"

ENUMERATIONS = ("sender", "roles", "client.state", "server.state", "client.before", "server.before",
                "client.certainty", "server.certainty", "phase", "vantage", "opened_by", "closed_by", "close.kind",
                "outcome")
LATER_ENUMERATIONS = ("client.settled", "server.settled", "closed_by.settled", "close.kind.settled")
PLAIN = ("connection", "client", "server", "transition", "step", "explanation", "rfc", "finding", "finding.text", "violation",
         "anomaly", "milestone", "artifact", "uncertain", "conn_state", "history", "syn_frame", "synack_frame",
         "handshake_ack_frame", "client.fin_frame", "server.fin_frame", "rst_frame", "cause_frame", "story_frame", "handshake.time",
         "handshake.server_time", "handshake.client_time", "close.time", "client.dwell", "server.dwell")
TOLD_AT_LAST = ("opened_by", "closed_by", "close.kind")  # not before the segment that decides it
LATER_PLAIN = ("contradicted_in",)
SEPARATOR = "\x1f"  # in no text, so it can stand between the values of one field

OPTION_BITS = {"mss": 0x01, "ws": 0x02, "sackok": 0x04, "sack": 0x08, "ts": 0x10, "tfo": 0x20, "md5": 0x80}
FAST_OPEN_COOKIE = 0x40
CHECKSUM_BAD, HAS_IP_ID, HAS_TTL, TRUNCATED_HEADER, BROADCAST, SELF = 0x01, 0x02, 0x04, 0x08, 0x20, 0x40
BEFORE_TCP = 14 + 20  # octets of Ethernet and IPv4


# ---- the engine alone


def conversation(segment):
    """Both ends in an order that does not depend on who sends."""
    return tuple(sorted((segment.sender.endpoint, segment.receiver.endpoint)))


def engine_input(scenario):
    keys = {}
    return "".join(segment_line(segment, frame, keys.setdefault(conversation(segment), len(keys)))
                   for frame, segment in enumerate(scenario.segments, 1))


def segment_line(segment, frame, key):
    """A line of the input of run-segments, see there."""
    ends = conversation(segment)
    facts = {} if segment.is_cut else segment.facts
    options = sum(bit for name, bit in OPTION_BITS.items() if name in facts)
    if facts.get("tfo"):
        options |= FAST_OPEN_COOKIE
    traits = HAS_TTL
    if ":" not in segment.sender.address:
        traits |= HAS_IP_ID
    if segment.bad_checksum:
        traits |= CHECKSUM_BAD
    if segment.is_cut:
        traits |= TRUNCATED_HEADER
    addresses = [ipaddress.ip_address(peer.address) for peer in (segment.sender, segment.receiver)]
    if any(address.is_multicast or str(address) == "255.255.255.255" for address in addresses):
        traits |= BROADCAST
    if ends[0] == ends[1]:
        traits |= SELF
    sack = facts.get("sack", [])
    value, echo_reply = facts.get("ts", (0, 0))
    words = [key, int(segment.sender.endpoint != ends[0]), segment.time_ns, frame, 0, hex(segment.flags), segment.seq,
             segment.ack, segment.length, segment.window, segment.urgent, segment.header_digest, segment.sender.port,
             segment.receiver.port, segment.ip_id if traits & HAS_IP_ID else 0, segment.ttl, hex(traits), hex(options),
             facts.get("mss", 0), facts.get("ws", 0), value, echo_reply, len(sack)]
    return " ".join(map(str, words + [f"{left}:{right}" for left, right in sack])) + "\n"


@functools.lru_cache(maxsize=None)
def engine_output(text, arguments, sanitized=True):
    done = subprocess.run([engine_runner(sanitized), *arguments], input=text, capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise RuntimeError(f"run-segments ended with {done.returncode}: {done.stderr}")
    return done.stdout


def run_engine(scenario, later_pass=False, sanitized=True):
    """The transcript of the engine alone: of a first pass or of a later one."""
    arguments = ["--settled"] if later_pass else []
    if "msl" in scenario.preferences:
        arguments += ["--msl", scenario.preferences["msl"]]
    if scenario.preferences.get("checksum", "TRUE") == "FALSE":
        arguments += ["--trust-checksums"]
    output = engine_output(engine_input(scenario), tuple(arguments), sanitized)
    rows = []
    for segment, line in zip(scenario.segments, output.split("\n")[:-1], strict=True):
        row = {}
        for word in line.split("\t"):
            name, _, value = word.partition("=")
            row.setdefault(name, []).append(value)
        ends = [segment.sender.endpoint, segment.receiver.endpoint]
        if row.get("sender") == ["server"]:
            ends.reverse()
        row["client"], row["server"] = [ends[0]], [ends[1]]
        rows.append(row)
    return rows


# ---- tshark


def tshark_arguments(scenario, capture, later_pass):
    arguments = ["-n", "-r", str(capture)] + (["-2"] if later_pass else [])
    for name, value in scenario.preferences.items():
        arguments += ["-o", f"tcpstate.{name}:{value}"]
    if any(segment.bad_checksum for segment in scenario.segments):
        arguments += ["-o", "tcp.check_checksum:TRUE"]
    arguments += ["-T", "fields", "-E", "separator=/t", "-E", "occurrence=a", "-E", f"aggregator={SEPARATOR}"]
    for name in field_names(later_pass):
        enumeration = name in ENUMERATIONS + LATER_ENUMERATIONS
        arguments += ["-e", f"tcpstate.{name}.name" if enumeration else f"tcpstate.{name}"]
    return arguments


def field_names(later_pass):
    return ENUMERATIONS + PLAIN + ((LATER_ENUMERATIONS + LATER_PLAIN) if later_pass else ())


def run_tshark(scenario, tshark, later_pass=False):
    """The transcript of `tshark(*arguments)`, the fixture of env.py; with -2 for a later pass."""
    with tempfile.TemporaryDirectory(prefix="tcpstate.") as folder:
        os.chmod(folder, 0o755)
        capture = pathlib.Path(folder, f"{scenario.name}.pcap")
        options = {"snap_length": BEFORE_TCP + scenario.snap} if scenario.snap else {}
        pcap.write_pcap(capture, scenario.pcap_frames, **options)
        capture.chmod(0o644)
        output = tshark(*tshark_arguments(scenario, capture, later_pass)).stdout
    return read_fields(output, later_pass)


def read_fields(output, later_pass):
    rows = []
    for line in output.split("\n")[:-1]:
        values = line.split("\t")
        rows.append({name: value.split(SEPARATOR)
                     for name, value in zip(field_names(later_pass), values, strict=True) if value})
    return rows


# ---- comparing


def normal(name, values):
    """Values of a field as they are compared: whatever a version of Wireshark prints for the same thing."""
    if name == "uncertain":
        return ["1" if value in ("1", "True") else "0" for value in values]
    if name.endswith((".time", "_time", ".dwell")):
        return [Decimal(value) for value in values]
    return values


def differences(expected, got, later_pass, names=("the engine", "tshark")):
    """Where two transcripts differ, as lines of text."""
    if len(expected) != len(got):
        return [f"{names[0]} has {len(expected)} rows, {names[1]} {len(got)}"]
    found = []
    for frame, (left, right) in enumerate(zip(expected, got), 1):
        for name in field_names(later_pass):
            ours, theirs = normal(name, left.get(name, [])), normal(name, right.get(name, []))
            if ours != theirs:
                found.append(f"frame {frame}, tcpstate.{name}: {names[0]} {show(ours)}, {names[1]} {show(theirs)}")
    return found


def show(values):
    return " + ".join(map(str, values)) if values else "nothing"


# ---- holding a transcript against what the scenario expects


def failures(scenario, rows, later_pass, known_findings=None):
    """What the scenario expects and the transcript does not show, as lines `file:line: ...`."""
    known_findings = language.read_findings() if known_findings is None else known_findings
    if len(rows) != len(scenario.segments):
        return [f"{scenario.path}: {len(scenario.segments)} segments, but {len(rows)} rows"]
    found = []
    for segment, row in zip(scenario.segments, rows):
        found += [f"{scenario.path}:{line}: {message}"
                  for line, message in segment_failures(scenario, segment, row, later_pass, known_findings)]
    if later_pass:
        found += [f"{scenario.path}:{line}: {message}" for line, message in final_failures(scenario, rows)]
    return found


def roles_of(segment, row):
    """{peer name: 'client' or 'server'} for the two peers of a segment."""
    sender = row.get("sender", ["client"])[0]
    receiver = "server" if sender == "client" else "client"
    return {segment.sender.name: sender, segment.receiver.name: receiver}


def segment_failures(scenario, segment, row, later_pass, known_findings):
    roles = roles_of(segment, row)

    def of_peers(name):
        return tuple(row.get(f"{roles[peer.name]}.{name}", ["nothing"])[0] for peer in segment.peers)

    if of_peers("state") != segment.states:
        yield segment.line, f"expected {' '.join(segment.states)}, got {' '.join(of_peers('state'))}"

    raised = set(row.get("finding", []))
    finally_raised = {word for _, what, value in segment.checks if what == "finally" for word in value
                      if not word.startswith("!")}
    wanted = set(segment.findings) | (finally_raised if later_pass else set())
    for word in sorted(wanted - raised):
        yield segment.line, f"expected the finding {word}, got {show(sorted(raised))}"
    unwanted = raised & set(segment.absent)
    if segment.exact:
        unwanted |= raised - wanted
    unwanted |= {word for word in raised - wanted
                 if word in row.get("violation", []) or word not in known_findings and known_findings}
    if scenario.name.endswith("-not"):
        unwanted |= raised & {scenario.name.removesuffix("-not")}
    for word in sorted(unwanted):
        yield segment.line, f"unexpected finding {word}"

    transitions = [(line, value) for line, what, value in segment.checks if what == "transition"]
    if transitions:
        peers = {role: name for name, role in roles.items()}
        got = set()
        for text in row.get("transition", []):
            role, _, move = text.partition(" ")
            got.add(f"{peers.get(role, role)} {move}")
        expected = {value for _, value in transitions} - {"none"}
        if got != expected:
            yield transitions[0][0], f"expected {show(sorted(expected))}, got {show(sorted(got))}"

    for line, what, value in segment.checks:
        got = None
        match what:
            case "before" | "certainty":
                got = of_peers(what)
            case "settled" if later_pass:
                got = of_peers("settled")
            case "step":
                got = row.get("step", ["none"])[0]
            case "outcome" if not later_pass:
                got = row.get("outcome", ["nothing"])[0]
            case "connection":
                got = row.get("connection", ["nothing"])[0]
            case "client":
                got = next(name for name, role in roles.items() if role == "client") if "sender" in row else "nobody"
            case "says":
                text = row.get("explanation", [""])[0]
                if value not in text:
                    yield line, f'expected the explanation to say "{value}", got "{text}"'
                continue
            case "tells":
                if not any(value in text for text in row.get("finding.text", [])):
                    yield line, f'expected a finding to tell "{value}", got {show(row.get("finding.text", []))}'
                continue
            case "field":
                name, wanted_value = value
                values = row.get(name, [])
                if wanted_value == "absent":
                    if values:
                        yield line, f"expected no tcpstate.{name}, got {show(values)}"
                elif not any(same(wanted_value, text) for text in values):
                    yield line, f"expected tcpstate.{name} {wanted_value}, got {show(values)}"
                continue
            case "finally":
                for word in value:
                    if word.startswith("!") and word[1:] in raised:
                        yield line, f"unexpected finding {word[1:]}"
                    if not later_pass and word in raised:
                        yield line, f"{word} can only be known at the end, but the first pass shows it"
                continue
            case _:
                continue
        if got != value:
            yield line, f"expected {what} {plain(value)}, got {plain(got)}"


def final_failures(scenario, rows):
    connections = {row.get("connection", ["nothing"])[0] for row in rows}
    for line, connection, name, value in scenario.finals:
        if connection is None and len(connections) > 1:
            yield line, f"which of the connections {', '.join(sorted(connections))}?"
            continue
        which = str(connection) if connection is not None else next(iter(connections))
        if which not in connections:
            yield line, f"there is no connection {which}"
        own = [(frame, row) for frame, row in enumerate(rows, 1) if row.get("connection") == [which]]
        for frame, row in own[-1:] if name in TOLD_AT_LAST else own:
            values = row.get(name, [])
            if values != [value]:
                yield line, f"frame {frame}: expected a final {name} {value}, got {show(values)}"
                break


def plain(value):
    return " ".join(value) if isinstance(value, tuple) else value


def same(expected, got):
    if expected == got:
        return True
    try:
        return Decimal(expected) == Decimal(got)
    except InvalidOperation:
        return False


def scenario_paths():
    return sorted(SCENARIOS.glob("*.tcp"))


def ladder(scenario, rows):
    """A transcript as text, to read it: a line for each segment."""
    lines = []
    for frame, (segment, row) in enumerate(zip(scenario.segments, rows), 1):
        roles = roles_of(segment, row)
        letters = "".join(letter for letter, bit in language.FLAGS.items() if segment.flags & bit) or "none"
        states = [row.get(f"{roles[peer.name]}.state", ["?"])[0] for peer in segment.peers]
        direction = f"{segment.sender.name}>{segment.receiver.name}"
        lines.append(f"{frame:3} {direction} {letters:4} {states[0]:13} {states[1]:13}"
                     f" {row.get('step', [''])[0]:22} {' '.join(row.get('finding', []))}")
    return "\n".join(lines)
