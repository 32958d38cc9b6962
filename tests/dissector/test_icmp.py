# SPDX-License-Identifier: GPL-2.0-or-later
"""ICMP errors that quote a segment: told on their frame, with what the connection does about them."""

import struct

import pytest

import wire
from support import frames
from support.frames import ACK, FIN, PSH, RST, SYN
from wire import HANDSHAKE_STATES, Peers, capture, ethernet, rows, states

FIELDS = ("connection", "client", "server", "sender.name", "roles.name", "client.before.name", "server.before.name",
          "client.state.name", "server.state.name", "client.certainty.name", "server.certainty.name", "transition",
          "explanation", "rfc", "finding", "anomaly", "finding.text", "uncertain", "cause_frame", "step", "client.dwell")
ROUTER = {4: "203.0.113.9", 6: "2001:db8:9::9"}
NET, HOST, PROTOCOL, PORT, TOO_BIG, SOURCE_ROUTE, PROHIBITED = (3, 0), (3, 1), (3, 2), (3, 3), (3, 4), (3, 5), (3, 13)
TIME_EXCEEDED, PARAMETER_PROBLEM, QUENCH, REDIRECT = (11, 0), (12, 0), (4, 0), (5, 1)
NO_ROUTE_6, PROHIBITED_6, ADDRESS_6, PORT_6, TOO_BIG_6, TIME_EXCEEDED_6 = (1, 0), (1, 1), (1, 3), (1, 4), (2, 0), (3, 0)
ESTABLISHED = ("ESTABLISHED", "ESTABLISHED")


def error(quoted, kind, *, octets=20, word=0):
    """An ICMP or ICMPv6 error; `word` is what stands before the quoted packet: the MTU."""
    version = quoted[0] >> 4
    source, receiver = ROUTER[version], quoted[12:16] if version == 4 else quoted[8:24]
    message = struct.pack("!BBHI", *kind, 0, word) + quoted[:(20 if version == 4 else 40) + octets]
    message = message[:2] + struct.pack("!H", frames.checksum(message)) + message[4:]
    return frames.ip_packet(source, receiver, message, protocol=1 if version == 4 else 58)


def peers_of(version):
    return Peers() if version == 4 else Peers(wire.CLIENT6, wire.SERVER6)


def written(tmp_path, packets, around=ethernet, **more):
    return capture(tmp_path / "x.pcap", [around(packet) for packet in packets], **more)


def shown(tshark, path, *arguments):
    return rows(tshark, path, FIELDS, *arguments)


def told(tshark, path):
    """What the last frame shows, which is the same in two passes."""
    (last,) = shown(tshark, path)[-1]
    assert shown(tshark, path, "-2")[-1] == [last]
    return last


def pair(row):
    return row["client.state.name"], row["server.state.name"]


# ---- the connection is being opened ---------------------------------------------------------------------------------


@pytest.mark.parametrize("octets", (8, 12, 14, 20, 28))
@pytest.mark.parametrize("version, kind, finding", [
    (4, PORT, "icmp_hard_error"), (4, PROTOCOL, "icmp_hard_error"), (4, PROHIBITED, "icmp_hard_error"),
    (4, NET, "icmp_soft_error"), (4, HOST, "icmp_soft_error"), (4, SOURCE_ROUTE, "icmp_soft_error"),
    (6, PORT_6, "icmp_hard_error"), (6, PROHIBITED_6, "icmp_hard_error"),
    (6, NO_ROUTE_6, "icmp_soft_error"), (6, ADDRESS_6, "icmp_soft_error"),
])
def test_an_unreachable_destination_ends_syn_sent(tshark, tmp_path, version, kind, finding, octets):
    peers = peers_of(version)
    syn = peers.packet("client", SYN, 0)
    row = told(tshark, written(tmp_path, [syn, error(syn, kind, octets=octets)]))
    address = "{}:{}" if version == 4 else "[{}]:{}"
    assert (row["connection"], row["client"], row["server"]) == (
        "0", address.format(peers.client, peers.client_port), address.format(peers.server, peers.server_port))
    assert (row["client.before.name"], row["client.state.name"]) == ("SYN-SENT", "CLOSED")
    assert row["client.certainty.name"] == row["server.certainty.name"] == "assumed"
    assert row["transition"] == ["client SYN-SENT -> CLOSED", "server SYN-RECEIVED -> LISTEN (taken back)"]
    assert row["finding"] == row["anomaly"] == [finding]
    assert row["cause_frame"] == "1" and float(row["client.dwell"]) == 0.01
    assert "SYN-RECEIVED on the assumption that the SYN arrived, so LISTEN is right" in row["explanation"]
    assert f", code {kind[1]}. " in row["finding.text"]
    assert "SYN-SENT to CLOSED" in row["explanation"] and "RFC 1122 4.2.3.9" in row["rfc"]
    assert "sender.name" not in row and "step" not in row


def test_an_unreachable_client_ends_syn_received(tshark, tmp_path):
    syn, synack, _ = Peers().handshake()
    row = told(tshark, written(tmp_path, [syn, synack, error(synack, HOST)]))
    assert row["transition"] == ["server SYN-RECEIVED -> CLOSED"] and row["cause_frame"] == "2"
    assert row["client.state.name"] == "ESTABLISHED"


@pytest.mark.parametrize("kind", (TIME_EXCEEDED, PARAMETER_PROBLEM))
def test_other_errors_leave_syn_sent(tshark, tmp_path, kind):
    syn = Peers().packet("client", SYN, 0)
    row = told(tshark, written(tmp_path, [syn, error(syn, kind)]))
    assert row["finding"] == ["icmp_soft_error"] and row["client.state.name"] == "SYN-SENT"
    assert "transition" not in row and "Linux" in row["explanation"]


def test_whoever_sends_its_syn_again_was_not_closed(tshark, tmp_path):
    peers = Peers()
    syn, synack, ack = peers.handshake()
    path = written(tmp_path, [syn, error(syn, PORT), syn, synack, ack, *peers.data()], spacing_ns=10**9)
    per_frame = shown(tshark, path)
    assert [row["client.state.name"] for (row,) in per_frame] == [
        "SYN-SENT", "CLOSED", "SYN-SENT", *["ESTABLISHED"] * 4]
    assert {row["connection"] for (row,) in per_frame} == {"0"}


def test_each_error_takes_back_that_the_syn_before_it_arrived(tshark, tmp_path):
    peers = Peers()
    syn = peers.handshake()[0]
    path = written(tmp_path, [syn, error(syn, HOST), syn, error(syn, HOST)], spacing_ns=10**9)
    fields = ("client.state.name", "server.state.name", "server.settled.name")
    assert [tuple(row.values()) for (row,) in rows(tshark, path, fields, "-2")][1::2] == [
        ("CLOSED", "LISTEN", "LISTEN")] * 2
    path = written(tmp_path, [syn, syn, error(syn, HOST)], spacing_ns=10**9)  # which of the two is it about?
    assert [row["server.state.name"] for (row,) in shown(tshark, path)][-1] == "SYN-RECEIVED"


def test_hindsight_finds_an_error_that_was_not_taken(tshark, tmp_path):
    """The client goes on as if nothing had been. The error is judged again with the segments."""
    peers = Peers()
    syn, synack, ack = peers.handshake()
    path = written(tmp_path, [syn, error(syn, HOST), synack, ack, *peers.data()], spacing_ns=10**9)
    fields = ("client.state.name", "client.settled.name", "contradicted_in")
    assert [tuple(row.values()) for (row,) in rows(tshark, path, fields, "-2")][1:] == [
        ("CLOSED", "SYN-SENT", "4"), ("CLOSED", "ESTABLISHED", "4"), *[("ESTABLISHED", "ESTABLISHED")] * 3]
    assert shown(tshark, path)[3][0]["transition"] == [  # it acknowledges what was captured after the error
        "client CLOSED -> ESTABLISHED (taken back)", "server SYN-RECEIVED -> ESTABLISHED"]
    server = [tuple(row.values()) for (row,) in rows(tshark, path, ("server.state.name", "server.settled.name"), "-2")]
    assert server[:3] == [("SYN-RECEIVED",) * 2, ("LISTEN", "SYN-RECEIVED"), ("SYN-RECEIVED",) * 2]


def test_a_new_attempt_after_an_error(tshark, tmp_path):
    first, second = Peers().packet("client", SYN, 0), Peers(isn=10**8).packet("client", SYN, 0)
    path = written(tmp_path, [first, error(first, PORT), second], spacing_ns=10**9)
    assert [(row["connection"], row["client.state.name"]) for (row,) in shown(tshark, path)] == [
        ("0", "SYN-SENT"), ("0", "CLOSED"), ("1", "SYN-SENT")]


# ---- the connection is open -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("octets", (8, 20))
@pytest.mark.parametrize("version, kind, word, finding", [
    (4, NET, 0, "icmp_soft_error"), (4, HOST, 0, "icmp_soft_error"), (4, TIME_EXCEEDED, 0, "icmp_soft_error"),
    (4, PORT, 0, "icmp_hard_error"), (4, TOO_BIG, 1400, "icmp_fragmentation_needed"),
    (6, NO_ROUTE_6, 0, "icmp_soft_error"), (6, TIME_EXCEEDED_6, 0, "icmp_soft_error"),
    (6, PORT_6, 0, "icmp_hard_error"), (6, TOO_BIG_6, 1400, "icmp_fragmentation_needed"),
])
@pytest.mark.parametrize("sender", ("client", "server"))
def test_an_open_connection_keeps_its_states(tshark, tmp_path, version, kind, word, finding, octets, sender):
    peers = peers_of(version)
    data = peers.packet(sender, ACK | PSH, 1, 1, payload=bytes(1200))
    row = told(tshark, written(tmp_path, [*peers.handshake(), data, error(data, kind, octets=octets, word=word)]))
    assert row["finding"] == [finding] and pair(row) == ESTABLISHED and "transition" not in row
    assert f"the {sender}" in row["explanation"].lower() and "No state moves" in row["explanation"]
    assert ("1400 octets" in row["finding.text"]) == ("1400 octets" in row["explanation"]) == (word == 1400)


def test_an_error_without_mtu(tshark, tmp_path):
    peers = Peers()
    data = peers.packet("client", ACK | PSH, 1, 1, payload=bytes(1200))
    row = told(tshark, written(tmp_path, [*peers.handshake(), data, error(data, TOO_BIG)]))
    assert row["finding"] == ["icmp_fragmentation_needed"] and "does not say how big" in row["finding.text"]


def test_too_big_does_not_end_syn_sent(tshark, tmp_path):
    syn = Peers().packet("client", SYN, 0)
    row = told(tshark, written(tmp_path, [syn, error(syn, TOO_BIG, word=68)]))
    assert row["finding"] == ["icmp_fragmentation_needed"] and row["client.state.name"] == "SYN-SENT"


# ---- forged, late ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seq, finding", [
    (-2000, "icmp_suspect"), (-1, "icmp_suspect"), (0, "icmp_late"), (4, "icmp_late"), (5, "icmp_hard_error"),
    (9, "icmp_hard_error"), (10, "icmp_suspect"), (10**9, "icmp_suspect"),
])
def test_a_quoted_number_outside_of_what_is_in_flight(tshark, tmp_path, seq, finding):
    """1 to 4 are sent and acknowledged, 5 to 8 are sent."""
    peers = Peers()
    packets = [*peers.handshake(), *peers.data(), peers.packet("client", ACK | PSH, 5, 1, payload=b"more"),
               error(peers.packet("client", ACK, seq, 1), PORT)]
    row = told(tshark, written(tmp_path, packets))
    assert row["finding"] == [finding] and pair(row) == ESTABLISHED and "transition" not in row
    assert str((wire.CLIENT_ISN + seq) % 2**32) in row["finding.text"]
    in_flight = f"in flight is {wire.CLIENT_ISN + 5} to {wire.CLIENT_ISN + 8}."
    assert (in_flight in row["finding.text"]) == (finding == "icmp_suspect")


def test_a_forged_error_is_a_warning_and_does_not_end_syn_sent(tshark, tmp_path):
    peers = Peers()
    forged = error(peers.packet("client", SYN, 777), PORT)
    path = written(tmp_path, [peers.packet("client", SYN, 0), forged])
    row = told(tshark, path)
    assert row["finding"] == ["icmp_suspect"] and row["client.state.name"] == "SYN-SENT"
    path = written(tmp_path, [*peers.handshake(), forged])
    output = tshark("-r", path, "-Y", "tcpstate.anomaly.icmp_suspect && _ws.expert.severity == Warning", "-T", "fields",
                    "-e", "frame.number").stdout
    assert output.split() == ["4"]


def test_a_sender_that_was_not_captured_cannot_be_judged(tshark, tmp_path):
    peers = Peers()
    path = written(tmp_path, [peers.packet("server", ACK, 1, 1), error(peers.packet("client", ACK, 99, 1), NET)])
    assert told(tshark, path)["finding"] == ["icmp_soft_error"]


# ---- where errors are found -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("version, kind", [(4, QUENCH), (4, REDIRECT), (6, (137, 0))])
def test_what_is_no_error(tshark, tmp_path, version, kind):
    peers = peers_of(version)
    syn = peers.packet("client", SYN, 0)
    assert states(tshark, written(tmp_path, [syn, error(syn, kind)]))[1] == []


@pytest.mark.parametrize("octets", (8, 20))
def test_an_error_about_an_unknown_connection_is_nothing(tshark, tmp_path, octets):
    other = Peers(client_port=50001).packet("client", SYN, 0)
    path = written(tmp_path, [error(Peers().packet("client", SYN, 0), PORT), *Peers().handshake(), error(other, PORT)])
    expected = [[], *([pair_] for pair_ in HANDSHAKE_STATES), []]
    assert states(tshark, path) == expected
    assert states(tshark, path, "-2") == expected


@pytest.mark.parametrize("octets", (0, 4, 7))
def test_too_few_quoted_octets(tshark, tmp_path, octets):
    syn = Peers().packet("client", SYN, 0)
    path = written(tmp_path, [syn, error(syn, PORT, octets=octets)], lambda packet: ethernet(packet) + bytes(20))
    assert states(tshark, path)[1] == []


def test_octets_after_the_error_are_not_quoted(tshark, tmp_path):
    """Flags that are not there do not say that it is no SYN."""
    syn = Peers().packet("client", SYN, 0)
    path = written(tmp_path, [syn, error(syn, PORT, octets=8)], lambda packet: ethernet(packet) + bytes(20))
    assert told(tshark, path)["client.state.name"] == "CLOSED"


def test_a_quoted_segment_that_is_no_syn_does_not_end_syn_sent(tshark, tmp_path):
    peers = Peers()
    path = written(tmp_path, [peers.packet("client", SYN, 0), error(peers.packet("client", RST, 0), PORT)])
    assert told(tshark, path)["client.state.name"] == "SYN-SENT"


@pytest.mark.parametrize("version", (4, 6))
@pytest.mark.parametrize("tunnel", (wire.vlan, wire.gre, wire.vxlan))
def test_an_error_in_a_tunnel(tshark, tmp_path, tunnel, version):
    syn = peers_of(version).packet("client", SYN, 0)
    path = written(tmp_path, [syn, error(syn, PORT if version == 4 else PORT_6)], tunnel)
    assert told(tshark, path)["transition"][0] == "client SYN-SENT -> CLOSED"


def test_an_error_about_a_tunnel(tshark, tmp_path):
    """A router on the way of the tunnel quotes its outer header, too."""
    tunnelled = wire.gre(Peers().packet("client", SYN, 0))
    quote = error(tunnelled[wire.ETHERNET_HEADER:], HOST, octets=4 + 20 + 20)
    path = capture(tmp_path / "x.pcap", [tunnelled, ethernet(quote)])
    assert told(tshark, path)["finding"] == ["icmp_soft_error"]


def test_an_error_beside_segments_in_one_frame(tshark, tmp_path):
    peers = Peers()
    syn, synack, ack = peers.handshake()
    data = peers.packet("client", ACK | PSH, 1, 1, payload=b"data")
    other = Peers(client_port=50001).packet("client", SYN, 0)
    packets = [wire.a_msdu(syn), wire.a_msdu(synack, ack), wire.a_msdu(error(other, PORT), data, error(data, NET))]
    path = capture(tmp_path / "x.pcap", packets, link_type=wire.LINK_80211)
    frame = without_last_words(shown(tshark, path))[2]
    assert [row["finding"] for row in frame] == [[], ["icmp_soft_error"]]
    assert without_last_words(shown(tshark, path, "-2"))[2] == frame


# ---- how it is shown ------------------------------------------------------------------------------------------------


@pytest.fixture
def both(tmp_path):
    """An error on a SYN, on data, and a forged one."""
    refused, peers = Peers(client_port=50001), Peers()
    syn, data = refused.packet("client", SYN, 0), peers.packet("client", ACK | PSH, 1, 1, payload=b"data")
    return written(tmp_path, [syn, error(syn, PORT), *peers.handshake(), data, error(data, TOO_BIG, word=1400),
                              error(peers.packet("client", ACK, 10**6, 1), NET), *peers.four_way_close(sent=4)])


def without_last_words(per_frame):
    final = {name for name, frequency in wire.frequencies().items() if frequency == "FINAL"}
    for frame in per_frame:
        for row in frame:
            for name in ("finding", "anomaly"):
                row[name] = [id for id in row.get(name, []) if id not in final]
            row.pop("finding.text", None)
    return per_frame


def test_one_pass_and_two(tshark, both):
    assert without_last_words(shown(tshark, both)) == without_last_words(shown(tshark, both, "-2"))
    assert pair(shown(tshark, both)[-1][0]) == ("TIME-WAIT", "CLOSED")


def test_random_access(wireshark, both):
    """As the GUI opens packets: in any order, after all were read."""
    def tree(frame):
        return {"method": "frame", "params": {"frame": frame, "proto": True}}

    order = [8, 2, 7, 2, 8]
    requests = [("load", {"file": str(wireshark.readable(both))})]
    requests += [("frame", tree(frame)["params"]) for frame in order]
    first, *trees = wireshark.sharkd(requests)
    assert trees[0] == trees[4] and trees[1] == trees[3]
    assert "icmp_suspect" in str(trees[0]) and "icmp_hard_error" in str(trees[1])
    assert "icmp_fragmentation_needed" in str(trees[2])


def test_nothing_of_wireshark_is_lost(tshark, both):
    wire.assert_nothing_lost(tshark, both)


def test_the_top_line_and_the_expert_information(tshark, both):
    text = tshark("-r", both, "-V", "-Y", "tcpstate.anomaly.icmp_hard_error").stdout
    assert "TCP Connection State, client CLOSED, server LISTEN: ICMP error" in text
    statistics = tshark("-r", both, "-q", "-z", "expert").stdout
    assert statistics.count("An ICMP") >= 2


def test_a_quiz_hides_states(tshark, both):
    for row in shown(tshark, both, "-o", "tcpstate.quiz:TRUE")[1]:
        assert not {"client.state.name", "explanation", "transition"} & set(row) and row["finding"] == ["icmp_hard_error"]


def test_chinese(tshark, both):
    for number in (1, 6, 7):  # the frames before, from 0
        (row,) = shown(tshark, both, "-o", "tcpstate.language:chinese")[number]
        assert "客户端" in row["explanation"] and not set("{}[]|") & set(row["explanation"] + row["finding.text"])


# ---- what a quote tells of an end that was not captured -------------------------------------------------------------

SETTLED = ("client.state.name", "server.state.name", "client.settled.name", "server.settled.name")


def settled(tshark, path):
    return [tuple(row.values())[2:] for frame in rows(tshark, path, SETTLED, "-2") for row in frame]


@pytest.mark.parametrize("octets", (8, 14, 20))
@pytest.mark.parametrize("version, kind", [(4, PORT), (6, PORT_6)])
def test_the_syn_of_an_end_that_was_not_captured_is_ended(tshark, tmp_path, version, kind, octets):
    peers = peers_of(version)
    syn, synack, _ = peers.handshake()
    path = written(tmp_path, [error(syn, kind, octets=octets), synack])
    assert states(tshark, path) == [[], [("CLOSED", "SYN-RECEIVED")]]
    assert states(tshark, path, "-2") == [[], [("CLOSED", "SYN-RECEIVED")]]


@pytest.mark.parametrize("quoted, kind", [(1, PORT), (0, TOO_BIG), (0, TIME_EXCEEDED)])
def test_another_error_before_all_segments_ends_nothing(tshark, tmp_path, quoted, kind):
    peers = Peers()
    early = error(peers.packet("client", SYN, quoted), kind)
    path = written(tmp_path, [early, peers.packet("server", SYN | ACK, 0, 1)])
    assert states(tshark, path) == [[], [("ESTABLISHED", "SYN-RECEIVED")]]


def test_an_end_that_was_not_captured_goes_on_after_an_error(tshark, tmp_path):
    peers = Peers()
    syn, synack, _ = peers.handshake()
    text = peers.packet("server", ACK | PSH, 1, 5, payload=b"text")
    path = written(tmp_path, [error(syn, HOST), synack, text])
    assert settled(tshark, path) == [("ESTABLISHED", "SYN-RECEIVED"), ("ESTABLISHED", "ESTABLISHED")]


@pytest.mark.parametrize("octets", (8, 20))
@pytest.mark.parametrize("size, server", [(50, "CLOSE-WAIT"), (49, "TIME-WAIT")])
def test_the_quoted_text_is_no_fin(tshark, tmp_path, octets, size, server):
    """50 octets were acknowledged. If all of them were text, the server has not closed; of 49 octets nothing is known."""
    peers = Peers()
    syn, _, ack = peers.handshake()
    quoted = peers.packet("server", ACK | PSH, 1, 1, payload=bytes(size))
    path = written(tmp_path, [syn, ack, error(quoted, NET, octets=octets), peers.packet("client", ACK, 1, 51),
                              peers.packet("client", FIN | ACK, 1, 51)])
    assert settled(tshark, path)[-1] == ({"CLOSE-WAIT": "FIN-WAIT-1", "TIME-WAIT": "LAST-ACK"}[server], server)
