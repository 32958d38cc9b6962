# SPDX-License-Identifier: GPL-2.0-or-later
"""The public face: field names and types, filters, columns, output formats, expert information, preferences."""

import itertools
import json
import re

import pytest

import wire
from support import pcap, scenario, scenario_run
from support.frames import ACK, PSH, RST, SYN
from wire import HANDSHAKE_STATES, Peers, capture, ethernet, rows, states

ENUMERATIONS = """
    sender roles client.state server.state client.before server.before client.certainty server.certainty
    client.settled server.settled phase vantage opened_by closed_by close.kind closed_by.settled close.kind.settled outcome
""".split()
STRINGS = """
    client server transition step explanation more rfc finding finding.text violation anomaly milestone artifact conn_state history
""".split()
FRAME_NUMBERS = """
    contradicted_in syn_frame synack_frame handshake_ack_frame client.fin_frame server.fin_frame rst_frame cause_frame
    story_frame
""".split()
TIMES = """
    handshake.time handshake.server_time handshake.client_time close.time client.dwell server.dwell
""".split()
PROMISED = {
    "connection": "FT_UINT32",
    "uncertain": "FT_BOOLEAN",
    **dict.fromkeys(ENUMERATIONS, "FT_UINT8"),
    **dict.fromkeys((f"{name}.name" for name in ENUMERATIONS), "FT_STRING"),
    **dict.fromkeys(STRINGS, "FT_STRING"),
    **dict.fromkeys(FRAME_NUMBERS, "FT_FRAMENUM"),
    **dict.fromkeys(TIMES, "FT_RELATIVE_TIME"),
}
STATES = """UNKNOWN CLOSED LISTEN SYN-SENT SYN-RECEIVED ESTABLISHED FIN-WAIT-1 FIN-WAIT-2 CLOSE-WAIT CLOSING LAST-ACK
            TIME-WAIT""".split()

# Of the client and the server, at each segment of `session`.
SESSION = [
    *HANDSHAKE_STATES,
    ("FIN-WAIT-1", "CLOSE-WAIT"),
    ("FIN-WAIT-2", "CLOSE-WAIT"),
    ("TIME-WAIT", "LAST-ACK"),
    ("TIME-WAIT", "CLOSED"),
]


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    """A handshake and a four-way close."""
    peers = Peers()
    packets = list(map(ethernet, peers.handshake() + peers.four_way_close()))
    return capture(tmp_path_factory.mktemp("face") / "session.pcap", packets)


@pytest.fixture(scope="module")
def registered(tshark):
    """{field: type} as Wireshark lists them."""
    lines = [line.split("\t") for line in tshark("-G", "fields").stdout.splitlines()]
    return {line[2].removeprefix("tcpstate."): line[3] for line in lines
            if line[0] == "F" and line[2].startswith("tcpstate.")}


def numbers(tshark, path, display_filter, *arguments):
    """The frames that a display filter lets through."""
    output = tshark("-r", path, "-Y", display_filter, "-T", "fields", "-e", "frame.number", *arguments).stdout
    return [int(number) for number in output.split()]


def test_every_promised_field_is_there_with_its_type(registered):
    assert {name: registered.get(name) for name in PROMISED} == PROMISED


def test_no_other_fields_than_promised_and_experts(registered):
    extra = {name for name in registered if name not in PROMISED}
    assert all(re.fullmatch(r"(violation|anomaly|milestone|artifact)\.\w+", name) for name in extra), extra
    assert {registered[name] for name in extra} == {"FT_NONE"}


def test_every_finding_has_its_expert_field(registered):
    findings = wire.findings()
    assert len(findings) > 50
    expected = {f"{kind}.{name}" for name, kind in findings.items() if name != "ack_number_without_ack_flag"}
    assert {name for name in registered if name not in PROMISED} == expected


def test_the_protocol_is_named_and_on(tshark):
    protocols = [line.split("\t") for line in tshark("-G", "protocols").stdout.splitlines()]
    assert [line[:3] for line in protocols if line[2] == "tcpstate"] == [["TCP Connection State", "tcpstate", "tcpstate"]]


def test_values_of_the_states(tshark):
    values = [line.split("\t") for line in tshark("-G", "values").stdout.splitlines()]
    states_of = [(int(line[2], 0), line[3]) for line in values if line[:2] == ["V", "tcpstate.client.state"]]
    assert states_of == list(enumerate(STATES))


# ---- filters --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("display_filter, expected", [
    ('tcpstate.client.state == "FIN-WAIT-1"', [4]),
    ("tcpstate.client.state == FIN-WAIT-1", [4]),
    ("tcpstate.client.state == 6", [4]),
    ('tcpstate.client.state in {"FIN-WAIT-1", "FIN-WAIT-2"}', [4, 5]),
    ("tcpstate.client.state in {FIN-WAIT-1, FIN-WAIT-2}", [4, 5]),
    ('tcpstate.client.state >= "FIN-WAIT-2"', [5, 6, 7]),
    ('tcpstate.client.state != "TIME-WAIT"', [1, 2, 3, 4, 5]),
    ('tcpstate.server.state.name == "CLOSE-WAIT"', [4, 5]),
    ('tcpstate.server.state.name matches "^CLOSE"', [4, 5, 7]),
    ('tcpstate.server.before == "LISTEN"', [1]),
    ('tcpstate.sender == "server"', [2, 5, 6]),
    ("tcpstate.sender == client", [1, 3, 4, 7]),
    ('tcpstate.phase == "closing"', [4, 5, 6]),
    ('tcpstate.roles == "syn"', [1, 2, 3, 4, 5, 6, 7]),
    ('tcpstate.step == "close 1/4"', [4]),
    ('tcpstate.step contains "handshake"', [1, 2, 3]),
    ('tcpstate.transition == "client ESTABLISHED -> FIN-WAIT-1"', [4]),
    ("tcpstate.transition", [1, 2, 3, 4, 5, 6, 7]),
    ("tcpstate.close.time", [7]),
    ("tcpstate.handshake.time == 0.02", [3]),
    ("tcpstate.handshake.server_time == 0.01", [2, 3]),
    ("tcpstate.handshake.client_time == 0.01", [3]),
    ("tcpstate.close.time == 0.03", [7]),
    ("tcpstate.client.dwell == 0.01", [2, 5, 6]),
    ("tcpstate.client.dwell == 0.02", [4]),
    ("tcpstate.syn_frame == 1", [1, 2, 3, 4, 5, 6, 7]),
    ("tcpstate.synack_frame == 2", [2, 3, 4, 5, 6, 7]),
    ("tcpstate.handshake_ack_frame == 3", [3, 4, 5, 6, 7]),
    ("tcpstate.client.fin_frame == 4", [4, 5, 6, 7]),
    ("tcpstate.server.fin_frame == 6", [6, 7]),
    ("tcpstate.rst_frame", []),
    ('tcpstate.closed_by == "client"', [4, 5, 6, 7]),
    ('tcpstate.close.kind == "four-way"', [7]),
    ('tcpstate.outcome == "closed"', [7]),
    ("tcpstate.violation", []),
    ("tcpstate.milestone.active_close", [4]),
    ('tcpstate.finding == "close_completed"', [7]),
    ('_ws.expert.message contains "handshake is complete"', [3]),
    ("tcpstate.connection == 0", [1, 2, 3, 4, 5, 6, 7]),
    ('tcpstate.client == "192.0.2.1:49152"', [1, 2, 3, 4, 5, 6, 7]),
    ("tcpstate.uncertain == 1", []),
    ("tcpstate.uncertain == 0", [1, 2, 3, 4, 5, 6, 7]),
])
def test_filters(tshark, session, display_filter, expected):
    assert numbers(tshark, session, display_filter) == expected
    if "outcome" not in display_filter:
        assert numbers(tshark, session, display_filter, "-2") == expected


@pytest.mark.parametrize("display_filter", [
    'tcpstate.client.state == "FINWAIT1"',
    "tcpstate.client.state == FIN_WAIT_1",
    'tcpstate.client.state in {"ESTABLISHED", "LIST"}',
    'tcpstate.sender == "cleint"',
    'tcpstate.outcome == "close"',
    "tcpstate.client.sate",
    "tcpstate.violation.no_such_finding",
])
def test_what_is_misspelt_is_an_error(tshark, session, display_filter):
    result = tshark("-r", session, "-Y", display_filter, check=False)
    assert result.returncode != 0
    assert result.stdout == ""
    assert result.stderr


# ---- output ---------------------------------------------------------------------------------------------------------


def test_fields_print_names(tshark, session):
    output = tshark("-r", session, "-T", "fields", "-e", "tcpstate.client.state.name", "-e",
                    "tcpstate.server.state.name").stdout
    assert [tuple(line.split("\t")) for line in output.splitlines()] == SESSION


def test_fields_print_numbers_without_name(tshark, session):
    output = tshark("-r", session, "-T", "fields", "-e", "tcpstate.client.state").stdout
    assert output.split() == [str(STATES.index(client)) for client, _ in SESSION]


@pytest.mark.parametrize("only", ([], ["-j", "tcpstate"]))
def test_json(tshark, session, only):
    packets = json.loads(tshark("-r", session, "-T", "json", *only).stdout)
    layers = [packet["_source"]["layers"]["tcpstate"] for packet in packets]
    assert [(layer["tcpstate.client.state.name"], layer["tcpstate.server.state.name"]) for layer in layers] == SESSION
    assert layers[3]["tcpstate.step"] == "close 1/4"


def test_ek(tshark, session):
    lines = [json.loads(line) for line in tshark("-r", session, "-T", "ek").stdout.splitlines()]
    layers = [line["layers"]["tcpstate"] for line in lines if "layers" in line]
    assert [layer["tcpstate_tcpstate_client_state_name"] for layer in layers] == [client for client, _ in SESSION]


def test_a_custom_column_shows_names(tshark, session):
    columns = '"C","%Cus:tcpstate.client.state:0:R","S","%Cus:tcpstate.server.state:0:R"'
    output = tshark("-r", session, "-o", f"gui.column.format:{columns}").stdout
    assert [tuple(line.split()) for line in output.splitlines()] == SESSION


def test_the_tree_says_it_in_one_line(tshark, session):
    lines = tshark("-r", session, "-V", "-O", "tcpstate").stdout.splitlines()
    assert [line for line in lines if line.startswith("[TCP Connection State")][3] == \
        "[TCP Connection State, client FIN-WAIT-1, server CLOSE-WAIT: close 1/4]"


def test_everything_is_marked_as_generated(tshark, session):
    text = tshark("-r", session, "-V", "-O", "tcpstate").stdout
    blocks = re.findall(r"^\[TCP Connection State.*?(?=^\S)", text + "x", re.S | re.M)
    assert len(blocks) == len(SESSION)
    lines = [line for block in blocks for line in block.splitlines() if line.strip()]
    assert len(lines) > 100
    assert all(line.strip().startswith("[") and line.endswith("]") for line in lines)


def test_names_are_not_shown_twice(tshark, session):
    assert "(name)" not in tshark("-r", session, "-V", "-O", "tcpstate").stdout


# ---- expert information ---------------------------------------------------------------------------------------------


def test_expert_information_agrees_with_the_fields(tshark, session):
    """One expert item per finding, under its own name, with a severity and a text."""
    for packet in wire.pdml(tshark, session).iter("packet"):
        (proto,) = packet.findall("./proto[@name='tcpstate']")
        found = [item.get("show") for item in proto.findall("./field[@name='tcpstate.finding']")]
        experts = [item.get("name") for item in proto.findall("./field[@name='_ws.expert']/field")
                   if item.get("name").startswith("tcpstate.")]
        assert [name.rsplit(".", 1)[1] for name in experts] == found
        texts = [item.get("show") for item in proto.findall(".//field[@name='_ws.expert.message']")]
        assert len(texts) == len(found)
        assert all(len(text) > 20 for text in texts)


def expert_lines(tshark, path, *arguments):
    """Of `-z expert`: [(frequency, group, summary)] that are ours."""
    output = tshark("-r", path, "-q", "-z", "expert", *arguments).stdout
    found = re.findall(r"^\s*(\d+)\s+(\S+)\s+tcpstate\s+(.*)$", output, re.M)
    return sorted(found, key=lambda line: line[2])


def test_the_expert_statistics_have_texts_with_numbers(tshark, session):
    lines = expert_lines(tshark, session)
    assert lines
    assert all(group == "Sequence" for _, group, _ in lines)
    assert any("1001" in text for _, _, text in lines), "the ISN 1000 and one more"
    assert not any("{" in text for _, _, text in lines)
    assert expert_lines(tshark, session, "-2") == lines


def test_expert_filters_agree_with_the_string_fields(tshark, session):
    for name, kind in (("handshake_completed", "milestone"), ("active_close", "milestone"), ("close_completed", "milestone")):
        assert numbers(tshark, session, f"tcpstate.{kind}.{name}") == numbers(tshark, session, f'tcpstate.finding == "{name}"')
        assert numbers(tshark, session, f"tcpstate.{kind}.{name}") == numbers(tshark, session, f'tcpstate.{kind} == "{name}"')
        assert len(numbers(tshark, session, f"tcpstate.{kind}.{name}")) == 1


def test_severity_of_a_milestone(tshark, session):
    assert numbers(tshark, session, "_ws.expert.severity == chat && tcpstate.milestone.active_close") == [4]


NOTE, WARNING = 0x400000, 0x600000     # PI_NOTE, PI_WARN of Wireshark's epan/proto.h


@pytest.mark.parametrize("name, severity", [("synack-echoes-an-earlier-syn", NOTE),
                                            ("syn-ack-of-what-was-refused-before-the-capture", NOTE),
                                            ("syn-ack-of-what-was-refused-before-the-capture-not", WARNING),
                                            ("synack-echoes-an-earlier-syn-not", WARNING),
                                            ("synack-of-the-attempt-before", NOTE),
                                            ("synack-of-the-attempt-before-not", WARNING)])
def test_severity_is_lowered_where_something_innocent_would_explain_it(tshark, tmp_path, name, severity):
    example = scenario.read_scenario(scenario_run.SCENARIOS / f"{name}.tcp", scenario.read_findings())
    pcap.write_pcap(tmp_path / "example.pcap", example.pcap_frames)
    items = [item for packet in wire.pdml(tshark, tmp_path / "example.pcap").iter("packet")
             for item in packet.findall(".//field[@name='_ws.expert']")
             if item.find("./field[@name='tcpstate.anomaly.synack_ack_unacceptable']") is not None]
    (found,) = items
    assert int(found.find("./field[@name='_ws.expert.severity']").get("show"), 0) == severity


# ---- preferences ----------------------------------------------------------------------------------------------------


def test_preferences_are_promised_ones(tshark):
    lines = tshark("-G", "defaultprefs").stdout.splitlines()
    found = {match[1]: match[2] for line in lines if (match := re.match(r"#?tcpstate\.(\w+): (.*)", line))}
    assert found == {"language": "English", "msl": "30", "info_column": "FALSE", "quiz": "FALSE", "checksum": "TRUE",
                     "suppose": ""}


def settled(tshark, path, *suppositions):
    """(client, server) at each frame of a later pass."""
    output = tshark("-n", "-2", "-r", path, "-o", f"tcpstate.suppose:{','.join(suppositions)}", "-T", "fields",
                    "-e", "tcpstate.client.settled.name", "-e", "tcpstate.server.settled.name")
    return [tuple(line.split("\t")) for line in output.stdout.splitlines()], output.stderr


def test_what_if(tshark, session):
    """Nothing in a plain session denies that the ACK of the handshake, or that of the last FIN, was lost."""
    plain, _ = settled(tshark, session)
    assert plain == SESSION
    supposed, complaints = settled(tshark, session, "3:server:syn-received")
    assert supposed == [*SESSION[:2], ("ESTABLISHED", "SYN-RECEIVED"), *SESSION[3:]] and not complaints
    supposed, complaints = settled(tshark, session, "6:server:LAST-ACK", " 7:server:LAST-ACK")
    assert supposed == [*SESSION[:6], ("TIME-WAIT", "LAST-ACK")] and not complaints


@pytest.mark.parametrize("impossible", ("5:server:ESTABLISHED", "4:client:CLOSE-WAIT", "2:server:LISTEN", "99:client:CLOSED"))
def test_what_cannot_be_is_not_supposed(tshark, session, impossible):
    assert settled(tshark, session, impossible)[0] == SESSION


@pytest.mark.parametrize("nonsense", ("3:server", "3:peer:CLOSED", "x:server:CLOSED", "3:server:FIN-WAIT-3", "3:server:CLOSED:1"))
def test_what_is_no_supposition_is_named(tshark, session, nonsense):
    shown, complaints = settled(tshark, session, nonsense, "3:server:SYN-RECEIVED")
    assert shown[2] == ("ESTABLISHED", "SYN-RECEIVED") and f'"{nonsense}"' in complaints


def explanations(tshark, path, *arguments):
    return [frame[0]["explanation"] for frame in rows(tshark, path, ["explanation"], *arguments)]


@pytest.mark.parametrize("value", ("简体中文", "chinese"))
def test_language(tshark, session, value):
    english, chinese = explanations(tshark, session), explanations(tshark, session, "-o", f"tcpstate.language:{value}")
    assert not any(re.search("[一-鿿]", text) for text in english)
    assert all(re.search("[一-鿿]", text) for text in chinese)
    texts = [text for _, _, text in expert_lines(tshark, session, "-o", f"tcpstate.language:{value}")]
    assert texts
    assert all(re.search("[一-鿿]", text) for text in texts)


def text_of(item, more):
    """What a text field and the lines after it show, without spaces."""
    lines = [item.get("showname").split(": ", 1)[1], *(line.get("showname") for line in more)]
    assert not any("truncated" in line or "…" in line for line in lines)
    return "".join(lines).replace(" ", "")


@pytest.mark.parametrize("language", ("English", "简体中文"))
def test_long_texts_are_not_cut_in_the_tree(tshark, session, language):
    """Wireshark shows 240 octets of a line; the rest stands in lines of its own, and the value is whole."""
    continued = 0
    for packet in wire.pdml(tshark, session, "-o", f"tcpstate.language:{language}").iter("packet"):
        (proto,) = packet.findall("./proto[@name='tcpstate']")
        items = [item for item in proto if item.get("name") in ("tcpstate.explanation", "tcpstate.finding.text")]
        assert len(items) == 1 + len(proto.findall("./field[@name='tcpstate.finding']"))
        for item in items:
            following = list(proto)[list(proto).index(item) + 1:]
            more = list(itertools.takewhile(lambda line: line.get("name") == "tcpstate.more", following))
            assert text_of(item, more) == item.get("show").replace(" ", "")
            assert not (more and item.get("hide") == "yes")
            continued += len(more)
    assert continued > 3, "some are long"


@pytest.mark.parametrize("msl, expected", [(30, "TIME-WAIT"), (2, "CLOSED")])
def test_msl_decides_when_time_wait_is_over(tshark, tmp_path, msl, expected):
    """5 seconds after the close a segment arrives that moves nothing: is the client still in TIME-WAIT before it?"""
    peers = Peers()
    packets = [*peers.handshake(), *peers.four_way_close(), peers.packet("server", ACK, 2, 2)]
    times = [wire.START_NS + i * wire.MILLISECOND for i in range(len(packets) - 1)]
    path = capture(tmp_path / "x.pcap", list(map(ethernet, packets)), times_ns=[*times, times[-1] + 5 * 10**9])
    assert states(tshark, path, "-o", f"tcpstate.msl:{msl}")[-1][0][0] == expected


def test_info_column(tshark, session):
    plain = wire.summaries(tshark, session)
    marked = wire.summaries(tshark, session, "-o", "tcpstate.info_column:TRUE")
    steps = ["handshake 1/3", "handshake 2/3", "handshake 3/3", "close 1/4", "close 2/4", "close 3/4", "close 4/4"]
    assert marked == [f"{line} [{step}]" for line, step in zip(plain, steps, strict=True)]
    assert wire.summaries(tshark, session, "-o", "tcpstate.info_column:TRUE", "-2") == marked
    assert wire.summaries(tshark, session, plugin=False) == plain


def test_info_column_tells_a_transition_where_there_is_no_step(tshark, tmp_path):
    peers = Peers()
    packets = [*peers.handshake(), peers.packet("client", RST | ACK, 1, 1)]
    path = capture(tmp_path / "x.pcap", list(map(ethernet, packets)))
    line = wire.summaries(tshark, path, "-o", "tcpstate.info_column:TRUE")[-1]
    assert line.endswith("[client ESTABLISHED -> CLOSED] [server ESTABLISHED -> CLOSED]")


def test_quiz_hides_states_and_explanations(tshark, session):
    text = tshark("-r", session, "-V", "-O", "tcpstate", "-o", "tcpstate.quiz:TRUE").stdout
    ours = "\n".join(re.findall(r"^\[TCP Connection State.*?(?=^\S)", text + "x", re.S | re.M))
    assert "close 1/4" in ours
    for name in STATES[3:]:
        assert name not in ours
    assert "Explanation" not in ours
    shown = rows(tshark, session, PROMISED, "-o", "tcpstate.quiz:TRUE", "-2")
    for (segment,) in shown:
        assert not {name for name in segment if "state" in name.split(".") or "before" in name or "settled" in name
                    or "certainty" in name or name in ("transition", "explanation")}
    info = tshark("-r", session, "-o", "tcpstate.quiz:TRUE", "-o", "tcpstate.info_column:TRUE").stdout
    assert "->" not in info.replace(" → ", "")


def test_quiz_neither_names_states_nor_foretells(tshark, tmp_path):
    peers = Peers()
    packets = [peers.packet("client", SYN, 0), peers.packet("server", RST | ACK, -wire.SERVER_ISN, 1)]
    path = capture(tmp_path / "x.pcap", [ethernet(packet) for packet in packets])
    fields = ("outcome.name", "conn_state", "finding")
    quiz, first = rows(tshark, path, fields, "-o", "tcpstate.quiz:TRUE", "-2"), rows(tshark, path, fields)
    assert first[0][0]["finding"] == ["syn_sent"] and first[1][0]["outcome.name"] == "refused"
    assert [quiz[0][0], quiz[1][0]] == [{name: value for name, value in row.items() if value != ["syn_sent"]}
                                        for (row,) in first]
    assert rows(tshark, path, fields, "-2")[0][0]["outcome.name"] == "refused"
    text = tshark("-r", path, "-V", "-2", "-o", "tcpstate.quiz:TRUE", "-Y", "frame.number == 1").stdout
    assert "syn_sent" not in text and "refused" not in text


# ---- the rest -------------------------------------------------------------------------------------------------------


def test_links_never_point_to_a_later_frame(tshark, session):
    for passes in ([], ["-2"]):
        for number, (segment,) in enumerate(rows(tshark, session, FRAME_NUMBERS, *passes), 1):
            linked = [int(segment[name]) for name in FRAME_NUMBERS if name in segment and name != "contradicted_in"]
            assert linked
            assert max(linked) <= number


def test_what_is_only_known_in_a_later_pass(tshark, session):
    fields = ("client.settled.name", "server.settled.name", "outcome.name", "conn_state")
    first, later = rows(tshark, session, fields), rows(tshark, session, fields, "-2")
    assert not any("client.settled.name" in segment or "server.settled.name" in segment for (segment,) in first)
    assert [(segment["client.settled.name"], segment["server.settled.name"]) for (segment,) in later] == SESSION
    assert first[0][0]["outcome.name"] != "closed"
    assert {segment["outcome.name"] for (segment,) in later} == {"closed"}
    assert {segment["conn_state"] for (segment,) in later} == {"SF"}


def test_absent_until_decided(tshark, session):
    fields = ("vantage.name", "opened_by.name", "closed_by.name", "close.kind.name")
    first, *_, last = rows(tshark, session, fields)
    assert first[0]["vantage.name"] == "unknown"
    assert "closed_by.name" not in first[0] and "close.kind.name" not in first[0]
    assert last[0]["closed_by.name"] == "client" and last[0]["close.kind.name"] == "four-way"


def test_data_moves_nothing(tshark, tmp_path):
    """A plain segment: no step, no transition, no finding."""
    peers = Peers()
    packets = [*peers.handshake(), peers.packet("client", ACK | PSH, 1, 1, payload=b"data")]
    path = capture(tmp_path / "x.pcap", list(map(ethernet, packets)))
    segment = rows(tshark, path, PROMISED)[-1][0]
    assert not {"step", "transition", "finding", "client.dwell", "server.dwell", "handshake.time"} & set(segment)
    assert segment["phase.name"] == "open"


def test_times_do_not_go_negative(tshark, tmp_path):
    """A capture whose clock was set back in the middle of the handshake."""
    peers = Peers()
    path = capture(tmp_path / "x.pcap", list(map(ethernet, peers.handshake() + peers.four_way_close())),
                   times_ns=[wire.START_NS - i * 10**9 for i in range(7)])
    assert states(tshark, path) == [[pair] for pair in SESSION]
    for (segment,) in rows(tshark, path, TIMES):
        assert all(float(value) >= 0 for value in segment.values())
