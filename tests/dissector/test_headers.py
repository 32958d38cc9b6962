# SPDX-License-Identifier: GPL-2.0-or-later
"""Where TCP headers are found in a frame, and which are no segments of a connection."""

import re
import struct

import pytest

from support.frames import ACK, FIN, PSH, RST, SYN
from support import frames
import wire
from wire import Peers, HANDSHAKE_STATES, capture, ethernet, rows, states

SURROUNDINGS = {
    "ethernet": wire.ethernet,
    "vlan": wire.vlan,
    "two-vlans": wire.two_vlans,
    "mpls": wire.mpls,
    "pppoe": wire.pppoe,
    "gre": wire.gre,
    "ip-in-ip": wire.ip_in_ip,
    "ip-in-ip6": wire.ip_in_ip6,
    "vxlan": wire.vxlan,
    "gre-in-gre": wire.gre_in_gre,
}
TUNNELS = ("gre", "ip-in-ip", "ip-in-ip6", "vxlan", "gre-in-gre")
EXTENSIONS = {
    "hop-by-hop": wire.hop_by_hop,
    "destination-options": wire.destination_options,
    "authentication": wire.authenticated,
    "hop-by-hop-and-destination-options": lambda packet: wire.hop_by_hop(wire.destination_options(packet)),
    "routing": wire.routed,
    "segment-routing": lambda packet: wire.routed(packet, 4),
    "hop-by-hop-and-routing": lambda packet: wire.hop_by_hop(wire.routed(packet)),
    "authentication-and-routing": lambda packet: wire.authenticated(wire.routed(packet)),
}
WHO = ("connection", "client", "server", "client.state.name", "server.state.name")


HANDSHAKE = [("0", *pair) for pair in HANDSHAKE_STATES]


def connections(tshark, path, *arguments):
    """For each frame, a list of (connection, client's state, server's state), one per segment."""
    fields = ("connection", "client.state.name", "server.state.name")
    return [[tuple(segment[name] for name in fields) for segment in frame]
            for frame in rows(tshark, path, fields, *arguments)]


def one_each(per_frame):
    """The only segment of each frame."""
    assert [len(segments) for segments in per_frame] == [1] * len(per_frame)
    return [segments[0] for segments in per_frame]


@pytest.mark.parametrize("version", (4, 6))
@pytest.mark.parametrize("name", SURROUNDINGS)
def test_a_handshake_is_followed_through(tshark, tmp_path, name, version):
    peers = Peers() if version == 4 else Peers(wire.CLIENT6, wire.SERVER6)
    path = capture(tmp_path / "x.pcap", [SURROUNDINGS[name](packet) for packet in peers.handshake()])
    segments = one_each(rows(tshark, path, WHO))
    address = "{}:{}" if version == 4 else "[{}]:{}"
    client = address.format(peers.client, peers.client_port)
    server = address.format(peers.server, peers.server_port)
    assert [tuple(segment.values()) for segment in segments] == [
        ("0", client, server, *pair) for pair in HANDSHAKE_STATES
    ]


@pytest.mark.parametrize("name", EXTENSIONS)
def test_ipv6_extension_headers(tshark, tmp_path, name):
    peers = Peers(wire.CLIENT6, wire.SERVER6)
    syn, synack, ack = peers.handshake()
    extend = EXTENSIONS[name]
    # Only the client's packets have them, so the addresses must be understood to be the same.
    path = capture(tmp_path / "x.pcap", [ethernet(extend(syn)), ethernet(synack), ethernet(extend(ack))])
    assert connections(tshark, path) == [[segment] for segment in HANDSHAKE]


def test_an_ipv4_source_route_leads_to_its_last_address(tshark, tmp_path):
    peers = Peers()
    syn, synack, ack = peers.handshake()

    def route(packet):
        options = b"\x83\x07\x04" + packet[16:20] + b"\x00"
        header = bytearray(packet[:16]) + bytes([203, 0, 113, 77]) + options
        header[0] = 0x47
        header[2:4] = struct.pack("!H", len(packet) + 8)
        header[10:12] = b"\0\0"
        header[10:12] = struct.pack("!H", frames.checksum(bytes(header)))
        return bytes(header) + packet[20:]

    path = capture(tmp_path / "x.pcap", [ethernet(route(syn)), ethernet(synack), ethernet(route(ack))])
    assert connections(tshark, path) == [[segment] for segment in HANDSHAKE]


def test_vlan_and_mac_address_of_the_directions_may_differ(tshark, tmp_path):
    syn, synack, ack = Peers().handshake()
    other_macs = frames.ethernet(synack, source=77, destination=78)
    path = capture(tmp_path / "x.pcap", [wire.vlan(syn, 7), other_macs, wire.two_vlans(ack)])
    assert connections(tshark, path) == [[segment] for segment in HANDSHAKE]


@pytest.mark.parametrize("tags, severity", [((7, 7), "Error"), ((7, 8), "Warning")])
def test_two_vlans_may_be_two_networks_with_the_same_addresses(tshark, tmp_path, tags, severity):
    """What a sender says against itself is no proof where two of them may speak."""
    peers = Peers()
    packets = [*peers.handshake(), peers.packet("client", ACK | PSH, 1, 1, payload=b"x" * 800)]
    fins = [peers.packet("client", ACK | FIN, seq, 1) for seq in (801, 1)]  # in this order, as their IPv4 numbers say
    path = capture(tmp_path / "x.pcap", [wire.vlan(packet) for packet in packets] + [
        wire.vlan(fin, tag) for fin, tag in zip(fins, tags)])
    (row,) = rows(tshark, path, ["finding", "uncertain"])[-1]
    assert "fin_moved" in row["finding"]
    assert (row["uncertain"] in ("1", "True")) == (severity == "Warning")  # 4.6 writes words
    table = tshark("-r", path, "-q", "-z", "expert,note,tcpstate.violation").stdout
    # a heading such as "Errors (1)" stands above each severity's lines, TCP's own among them
    sections = re.split(r"^(\w+)s \(\d+\)$", table, flags=re.MULTILINE)
    found = {name for name, lines in zip(sections[1::2], sections[2::2]) if re.search(r"\btcpstate\b", lines)}
    assert found == {"Error" if severity == "Error" else "Warn"}


@pytest.mark.parametrize("name", TUNNELS)
def test_a_tunnel_is_another_connection(tshark, tmp_path, name):
    """The same segments before and in a tunnel are two views that must not be mixed up."""
    packets = Peers().handshake()
    mixed = [frame for packet in packets for frame in (ethernet(packet), SURROUNDINGS[name](packet))]
    path = capture(tmp_path / "x.pcap", mixed)
    assert [frame[0]["connection"] for frame in rows(tshark, path, ["connection"])] == ["0", "1"] * 3
    assert states(tshark, path) == [[pair] for pair in HANDSHAKE_STATES for _ in range(2)]


def test_raw_ip(tshark, tmp_path):
    path = capture(tmp_path / "x.pcap", Peers().handshake(), link_type=wire.LINK_RAW)
    assert states(tshark, path) == [[pair] for pair in HANDSHAKE_STATES]


def test_segments_of_an_aggregated_frame(tshark, tmp_path):
    first, second = Peers(), Peers(client_port=50000)
    frames_ = [
        wire.a_msdu(first.packet("client", SYN, 0), second.packet("client", SYN, 0)),
        wire.a_msdu(second.packet("server", SYN | ACK, 0, 1), first.packet("server", SYN | ACK, 0, 1)),
        wire.a_msdu(first.packet("client", ACK, 1, 1), first.packet("client", FIN | ACK, 1, 1)),
    ]
    path = capture(tmp_path / "x.pcap", frames_, link_type=wire.LINK_80211)
    assert connections(tshark, path) == [
        [("0", *HANDSHAKE_STATES[0]), ("1", *HANDSHAKE_STATES[0])],
        [("1", *HANDSHAKE_STATES[1]), ("0", *HANDSHAKE_STATES[1])],
        [("0", *HANDSHAKE_STATES[2]), ("0", "FIN-WAIT-1", "CLOSE-WAIT")],
    ]
    assert rows(tshark, path, WHO, "-2") == rows(tshark, path, WHO)


def test_an_icmp_error_beside_a_segment_in_an_aggregated_frame(tshark, tmp_path):
    peers = Peers()
    syn, synack, ack = peers.handshake()
    frames_ = [wire.a_msdu(syn), wire.a_msdu(wire.icmp_error(ack, 20), synack), wire.a_msdu(ack, wire.icmp_error(ack, 8))]
    path = capture(tmp_path / "x.pcap", frames_, link_type=wire.LINK_80211)
    assert connections(tshark, path) == [HANDSHAKE[:1], HANDSHAKE[:2], HANDSHAKE[2:] * 2]
    senders = [[segment.get("sender.name") for segment in frame] for frame in rows(tshark, path, ["sender.name"])]
    assert senders == [["client"], [None, "server"], ["client", None]]


# ---- quoted headers -------------------------------------------------------------------------------------------------

# What is told on the frame of an ICMP error: test_icmp.py. Here: that what it quotes is no segment.


@pytest.mark.parametrize("octets", (8, 12, 13, 14, 15, 16, 19, 20, 28, 1000))
@pytest.mark.parametrize("version", (4, 6))
def test_a_header_quoted_in_an_icmp_error_is_no_segment(tshark, tmp_path, version, octets):
    peers = Peers() if version == 4 else Peers(wire.CLIENT6, wire.SERVER6)
    error = wire.icmp_error if version == 4 else wire.icmp6_error
    fin = peers.packet("client", FIN | ACK, 1, 1, payload=bytes(60))
    packets = [*peers.handshake(), error(fin, octets), peers.packet("server", ACK, 1, 1)]
    path = capture(tmp_path / "x.pcap", list(map(ethernet, packets)))
    assert states(tshark, path) == [[pair] for pair in HANDSHAKE_STATES] + [[HANDSHAKE_STATES[-1]]] * 2
    assert rows(tshark, path, ("sender.name", "step", "transition"), "-2")[3] == [{}]
    wire.assert_nothing_lost(tshark, path)


def test_a_quoted_syn_with_another_number_does_not_split_the_connection(tshark, tmp_path):
    """Wireshark itself opens another tcp.stream for it, and later segments carry the new number."""
    peers = Peers()
    packets = [*peers.handshake(), wire.icmp_error(peers.packet("client", SYN, 777777), 20), *peers.four_way_close()]
    path = capture(tmp_path / "x.pcap", list(map(ethernet, packets)))
    shown = rows(tshark, path, ["connection"])
    assert {segment["connection"] for frame in shown for segment in frame} == {"0"}
    streams = tshark("-r", path, "-T", "fields", "-e", "tcp.stream").stdout.split()
    assert len(set(streams)) == 2, "the premise: Wireshark splits it"
    assert states(tshark, path)[-1] == [("TIME-WAIT", "CLOSED")]


def test_an_icmp_error_quoted_from_inside_a_tunnel(tshark, tmp_path):
    peers = Peers()
    fin = peers.packet("client", FIN | ACK, 1, 1)
    path = capture(tmp_path / "x.pcap", [*map(wire.gre, peers.handshake()), wire.gre(wire.icmp_error(fin, 20))])
    assert states(tshark, path) == [[pair] for pair in HANDSHAKE_STATES] + [[HANDSHAKE_STATES[-1]]]
    assert rows(tshark, path, ["step"])[3] == [{}]


@pytest.mark.parametrize("octets", (14, 20))
def test_an_icmp_error_behind_extension_headers(tshark, tmp_path, octets):
    peers = Peers(wire.CLIENT6, wire.SERVER6)
    error = wire.icmp6_error(peers.packet("client", FIN | ACK, 1, 1), octets)
    path = capture(tmp_path / "x.pcap", [ethernet(extend(error)) for extend in EXTENSIONS.values()])
    assert states(tshark, path) == [[]] * len(EXTENSIONS)


def test_a_sampled_frame_is_no_segment(tshark, tmp_path):
    """A switch that samples quotes frames, too, but not in an ICMP error."""
    peers = Peers()
    syn, synack, ack = peers.handshake()
    sample = wire.sflow(ethernet(peers.packet("client", RST | ACK, 1, 1)))
    path = capture(tmp_path / "x.pcap", list(map(ethernet, [syn, synack, ack, sample])))
    assert "sflow:eth:ethertype:ip:tcp" in tshark("-r", path, "-T", "fields", "-e", "frame.protocols").stdout
    assert states(tshark, path) == [[pair] for pair in HANDSHAKE_STATES] + [[]]


# ---- fragments ------------------------------------------------------------------------------------------------------

REASSEMBLE = {4: "ip.defragment", 6: "ipv6.defragment"}


def fragmented_conversation(version, sizes, flags=ACK | PSH | FIN):
    """A handshake, 600 octets in three fragments, and the ACK of them."""
    peers = Peers() if version == 4 else Peers(wire.CLIENT6, wire.SERVER6)
    large = peers.packet("client", flags, 1, 1, payload=bytes(600))
    cut = wire.fragments if version == 4 else wire.fragments6
    return [*peers.handshake(), *cut(large, sizes), peers.packet("server", ACK, 1, 602)]


@pytest.mark.parametrize("version", (4, 6))
def test_a_reassembled_segment_stands_at_its_last_fragment(tshark, tmp_path, version):
    packets = fragmented_conversation(version, [200, 200])
    path = capture(tmp_path / "x.pcap", list(map(ethernet, packets)))
    for passes in ([], ["-2"]):
        shown = states(tshark, path, "-o", f"{REASSEMBLE[version]}:TRUE", *passes)
        assert shown[3:] == [[], [], [("FIN-WAIT-1", "CLOSE-WAIT")], [("FIN-WAIT-2", "CLOSE-WAIT")]]


@pytest.mark.parametrize("version", (4, 6))
def test_without_reassembly_a_segment_stands_at_its_first_fragment(tshark, tmp_path, version):
    packets = fragmented_conversation(version, [200, 200])
    path = capture(tmp_path / "x.pcap", list(map(ethernet, packets)))
    for passes in ([], ["-2"]):
        shown = states(tshark, path, "-o", f"{REASSEMBLE[version]}:FALSE", *passes)
        assert [len(segments) for segments in shown] == [1, 1, 1, 1, 0, 0, 1]


@pytest.mark.parametrize("version", (4, 6))
def test_the_number_of_a_fin_in_a_first_fragment_is_not_known(tshark, tmp_path, version):
    path = capture(tmp_path / "x.pcap", list(map(ethernet, fragmented_conversation(version, [200, 200]))))
    (row,) = rows(tshark, path, ["explanation"], "-o", f"{REASSEMBLE[version]}:FALSE")[3]
    assert "the number of the FIN, and what acknowledges it, are higher" in row["explanation"]
    (row,) = rows(tshark, path, ["explanation"], "-o", f"{REASSEMBLE[version]}:TRUE")[5]
    assert "the FIN with number 1601" in row["explanation"] and "are higher" not in row["explanation"]


@pytest.mark.parametrize("version", (4, 6))
def test_a_first_fragment_alone_is_no_pure_ack(tshark, tmp_path, version):
    packets = fragmented_conversation(version, [200, 200], ACK | PSH)
    path = capture(tmp_path / "x.pcap", list(map(ethernet, packets)))
    (row,) = rows(tshark, path, ["explanation"], "-o", f"{REASSEMBLE[version]}:FALSE")[3]
    assert "is not known: the rest of its datagram" in row["explanation"]


@pytest.mark.parametrize("version", (4, 6))
def test_without_reassembly_a_first_fragment_without_flags_is_no_segment(tshark, tmp_path, version):
    packets = fragmented_conversation(version, [8])
    path = capture(tmp_path / "x.pcap", list(map(ethernet, packets)))
    shown = states(tshark, path, "-o", f"{REASSEMBLE[version]}:FALSE")
    assert [len(segments) for segments in shown] == [1, 1, 1, 0, 0, 1]
    shown = states(tshark, path, "-o", f"{REASSEMBLE[version]}:TRUE")
    assert [len(segments) for segments in shown] == [1, 1, 1, 0, 1, 1]


def test_fragments_of_a_tunnel(tshark, tmp_path):
    """Reassembly makes a data source of its own; the connection is the one of the unfragmented packets."""
    peers = Peers()
    large = wire.gre(peers.packet("client", ACK | FIN, 1, 1, payload=bytes(600)))
    pieces = [ethernet(piece) for piece in wire.fragments(large[wire.ETHERNET_HEADER:], [400])]
    path = capture(tmp_path / "x.pcap", [*map(wire.gre, peers.handshake()), *pieces])
    assert states(tshark, path) == [[pair] for pair in HANDSHAKE_STATES] + [[], [("FIN-WAIT-1", "CLOSE-WAIT")]]


def test_a_reassembled_tunnel_beside_a_plain_segment_in_an_aggregated_frame(tshark, tmp_path):
    """The headers of the reassembled data, dissected before, are not around the segment that follows."""
    peers, tunneled = Peers(), Peers(client_port=50000)
    syn, synack, ack = peers.handshake()
    large = wire.gre(tunneled.packet("client", ACK, 1, 1, payload=bytes(600)))[wire.ETHERNET_HEADER:]
    first, last = wire.fragments(large, [400])
    path = capture(tmp_path / "x.pcap", [wire.a_msdu(syn), wire.a_msdu(first), wire.a_msdu(last, synack), wire.a_msdu(ack)],
                   link_type=wire.LINK_80211)
    shown = [[segment["connection"] for segment in frame] for frame in rows(tshark, path, ["connection"])]
    assert shown == [["0"], [], ["1", "0"], ["0"]]


# ---- truncated captures ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("captured", range(21))
def test_the_flags_must_have_been_captured(tshark, tmp_path, captured):
    """Of a TCP header without options, the flags end after 14 octets."""
    snap_length = wire.ETHERNET_HEADER + wire.IPV4_HEADER + captured
    peers = Peers()
    packets = [*peers.handshake(), peers.packet("client", ACK | FIN, 1, 1, payload=bytes(100)),
               peers.packet("server", ACK, 1, 102)]
    path = capture(tmp_path / "x.pcap", list(map(ethernet, packets)), snap_length=snap_length)
    shown = states(tshark, path)
    assert [len(segments) for segments in shown] == [1 if captured >= 14 else 0] * 5
    if captured >= 14:
        assert shown == [[pair] for pair in HANDSHAKE_STATES] + [[("FIN-WAIT-1", "CLOSE-WAIT")],
                                                                 [("FIN-WAIT-2", "CLOSE-WAIT")]]
    wire.assert_nothing_lost(tshark, path)


@pytest.mark.parametrize("snap_length", [0, 10, 14, 20, 33, 34, 54, 58, 66, 74])
def test_no_snap_length_loses_the_output(tshark, tmp_path, snap_length):
    syn_options = frames.option_mss(1460) + frames.option_sack_permitted() + frames.option_timestamps(1, 0)
    peers = Peers()
    packets = [peers.packet("client", SYN, 0, options=syn_options),
               peers.packet("server", SYN | ACK, 0, 1, options=syn_options), *peers.handshake()[2:]]
    path = capture(tmp_path / "x.pcap", list(map(ethernet, packets)), snap_length=snap_length)
    wire.assert_nothing_lost(tshark, path)
    if snap_length >= 48:
        assert states(tshark, path) == [[pair] for pair in HANDSHAKE_STATES]


@pytest.mark.parametrize("captured", (14, 15, 19))
def test_a_truncated_first_fragment_in_an_icmp_error(tshark, tmp_path, captured):
    peers = Peers()
    whole = ethernet(wire.icmp_error(peers.packet("client", FIN | ACK, 1, 1), 20))
    cut_off = 20 - captured
    path = capture(tmp_path / "x.pcap", [whole], snap_length=len(whole) - cut_off)
    assert states(tshark, path) == [[]]


# ---- headers that lie -----------------------------------------------------------------------------------------------


def with_data_offset(packet, words):
    tcp = bytearray(packet[wire.IPV4_HEADER:])
    tcp[12] = words << 4 | tcp[12] & 0x0F
    return packet[:wire.IPV4_HEADER] + bytes(tcp)


@pytest.mark.parametrize("words", (0, 1, 4, 6, 15))
def test_a_header_length_that_cannot_be_is_no_segment(tshark, tmp_path, words):
    """Below 5 words or beyond the datagram no stack accepts it. As it would be a RST, the rest shows that it was not."""
    peers = Peers()
    broken = with_data_offset(peers.packet("client", RST | ACK, 1, 1), words)
    packets = [*peers.handshake(), broken, peers.packet("server", ACK, 1, 1)]
    path = capture(tmp_path / "x.pcap", list(map(ethernet, packets)))
    assert states(tshark, path) == [[pair] for pair in HANDSHAKE_STATES] + [[], [HANDSHAKE_STATES[-1]]]
    wire.assert_nothing_lost(tshark, path)


@pytest.mark.parametrize("captured", (14, 15, 20))
def test_a_header_length_beyond_the_datagram_in_a_truncated_capture(tshark, tmp_path, captured):
    broken = with_data_offset(Peers().packet("client", SYN, 0), 15)
    path = capture(tmp_path / "x.pcap", [ethernet(broken)],
                   snap_length=wire.ETHERNET_HEADER + wire.IPV4_HEADER + captured)
    assert states(tshark, path) == [[]]


def test_octets_after_the_datagram_are_not_options(tshark, tmp_path):
    """Ethernet pads short frames: here with what would be a header that is long enough."""
    peers = Peers()
    broken = ethernet(with_data_offset(peers.packet("client", RST | ACK, 1, 1), 10)) + bytes(40)
    path = capture(tmp_path / "x.pcap", [*map(ethernet, peers.handshake()), broken])
    assert states(tshark, path) == [[pair] for pair in HANDSHAKE_STATES] + [[]]


def test_padding_is_not_data(tshark, tmp_path):
    """An ACK padded to 60 octets has no data: the FIN that follows takes the same number."""
    peers = Peers()
    padded = [ethernet(packet) + bytes(6) for packet in (*peers.handshake(), *peers.four_way_close())]
    path = capture(tmp_path / "x.pcap", padded)
    assert states(tshark, path)[-1] == [("TIME-WAIT", "CLOSED")]


GARBAGE_OPTIONS = {
    "zero-length": bytes([2, 0, 5, 180]),
    "length-one": bytes([2, 1, 5, 180]),
    "too-long": bytes([2, 40, 5, 180]),
    "length-cut-off": bytes([1, 1, 1, 2]),
    "unknown": bytes([77, 4, 1, 2, 253, 4, 9, 9]),
    "after-the-end": bytes([0, 8, 10, 255]),
    "sack-odd": bytes([5, 7, 1, 2, 3, 4, 5, 1]),
    "sack-without-blocks": bytes([5, 2, 1, 1]),
    "sack-of-four": bytes([1, 1, 5, 34]) + bytes(range(32)),
    "timestamps-short": bytes([8, 9, 1, 2, 3, 4, 5, 6, 7, 1, 1, 1]),
    "mss-long": bytes([2, 8, 5, 180, 5, 180, 0, 0]),
    "window-scale-255": bytes([3, 3, 255, 1]),
    "all-ones": b"\xff" * 40,
    "fast-open-magic-cut": bytes([254, 3, 0xF9, 1]),
    "forty-nops": bytes([1]) * 40,
}


@pytest.mark.parametrize("name", GARBAGE_OPTIONS)
def test_garbage_among_the_options(tshark, tmp_path, name):
    peers = Peers()
    options = GARBAGE_OPTIONS[name]
    packets = [
        peers.packet("client", SYN, 0, options=options),
        peers.packet("server", SYN | ACK, 0, 1, options=options),
        peers.packet("client", ACK, 1, 1, options=options),
    ]
    path = capture(tmp_path / "x.pcap", list(map(ethernet, packets)))
    assert states(tshark, path) == [[pair] for pair in HANDSHAKE_STATES]
    wire.assert_nothing_lost(tshark, path)


# ---- checksums ------------------------------------------------------------------------------------------------------


def corrupted_fin(peers):
    packets = [*peers.handshake(), peers.packet("client", FIN | ACK, 1, 1, bad_checksum=True)]
    return list(map(ethernet, packets))


@pytest.mark.parametrize("version", (4, 6))
def test_a_checksum_that_wireshark_found_bad(tshark, tmp_path, version):
    peers = Peers() if version == 4 else Peers(wire.CLIENT6, wire.SERVER6)
    path = capture(tmp_path / "x.pcap", corrupted_fin(peers))
    verify = ("-o", "tcp.check_checksum:TRUE")
    assert states(tshark, path, *verify)[-1] == [("ESTABLISHED", "ESTABLISHED")]
    assert states(tshark, path, *verify, "-2")[-1] == [("ESTABLISHED", "ESTABLISHED")]
    assert states(tshark, path, *verify, "-o", "tcpstate.checksum:FALSE")[-1] == [("FIN-WAIT-1", "CLOSE-WAIT")]


@pytest.mark.parametrize("version", (4, 6))
def test_a_checksum_that_is_left_to_the_network_card_is_not_bad(tshark, tmp_path, version):
    """Captured on a sending host: what the card sends has the right one."""
    peers = Peers() if version == 4 else Peers(wire.CLIENT6, wire.SERVER6)
    packets = [peers.packet("client", SYN, 0, partial_checksum=True), peers.packet("server", SYN | ACK, 0, 1),
               peers.packet("client", ACK, 1, 1, partial_checksum=True),
               peers.packet("client", ACK | PSH, 1, 1, payload=b"odd", partial_checksum=True)]
    path = capture(tmp_path / "x.pcap", list(map(ethernet, packets)))
    shown = rows(tshark, path, ["client.state.name", "server.state.name", "finding"], "-o", "tcp.check_checksum:TRUE")
    assert [tuple(row.values())[:2] for (row,) in shown] == [*HANDSHAKE_STATES, ("ESTABLISHED", "ESTABLISHED")]
    assert not any("checksum_bad" in row.get("finding", "") for (row,) in shown)


def test_a_checksum_that_nobody_verified_counts_as_good(tshark, tmp_path):
    path = capture(tmp_path / "x.pcap", corrupted_fin(Peers()))
    assert states(tshark, path, "-o", "tcp.check_checksum:FALSE")[-1] == [("FIN-WAIT-1", "CLOSE-WAIT")]


def test_one_bad_checksum_in_an_aggregated_frame(tshark, tmp_path):
    """It belongs to the second segment, and only that one is ignored."""
    peers = Peers()
    bad = peers.packet("client", FIN | ACK, 1, 1, bad_checksum=True)
    syn, synack, ack = peers.handshake()
    path = capture(tmp_path / "x.pcap", [wire.a_msdu(syn), wire.a_msdu(synack), wire.a_msdu(ack, bad)],
                   link_type=wire.LINK_80211)
    shown = states(tshark, path, "-o", "tcp.check_checksum:TRUE")
    assert shown[-1] == [("ESTABLISHED", "ESTABLISHED")] * 2


# ---- the rest -------------------------------------------------------------------------------------------------------


def test_an_endpoint_that_talks_to_itself_has_no_sender_and_no_states(tshark, tmp_path):
    peers = Peers(wire.CLIENT, wire.CLIENT, 49152, 49152)
    path = capture(tmp_path / "x.pcap", list(map(ethernet, peers.handshake())))
    for segment in one_each(rows(tshark, path, ("sender", "sender.name", "client.state.name", "server.state.name"))):
        assert segment == {"client.state.name": "UNKNOWN", "server.state.name": "UNKNOWN"}


def test_connections_are_numbered_by_their_first_segment(tshark, tmp_path):
    first, second, third = Peers(), Peers(client_port=49160), Peers(wire.CLIENT6, wire.SERVER6)
    packets = [p.packet("client", SYN, 0) for p in (first, second, third)]
    packets += [p.packet("server", SYN | ACK, 0, 1) for p in (third, first, second)]
    path = capture(tmp_path / "x.pcap", list(map(ethernet, packets)))
    assert [frame[0]["connection"] for frame in rows(tshark, path, ["connection"])] == list("012201")


def test_no_tcp_no_subtree(tshark, tmp_path):
    udp = struct.pack("!HHHH", 50000, 50001, 12, 0) + b"data"
    packets = [frames.ip_packet(wire.CLIENT, wire.SERVER, udp, protocol=17), *Peers().handshake()]
    path = capture(tmp_path / "x.pcap", list(map(ethernet, packets)))
    assert [len(segments) for segments in rows(tshark, path, ["connection"])] == [0, 1, 1, 1]


def test_tcp_switched_off(tshark, tmp_path):
    path = capture(tmp_path / "x.pcap", list(map(ethernet, Peers().handshake())))
    assert rows(tshark, path, ["connection"], "--disable-protocol", "tcp") == [[], [], []]


@pytest.mark.parametrize("preference", ("tcp.relative_sequence_numbers:FALSE", "tcp.analyze_sequence_numbers:FALSE",
                                        "tcp.desegment_tcp_streams:FALSE", "tcp.summary_in_tree:FALSE"))
def test_preferences_of_tcp_change_nothing(tshark, tmp_path, preference):
    peers = Peers()
    path = capture(tmp_path / "x.pcap", list(map(ethernet, peers.handshake() + peers.four_way_close())))
    fields = (*WHO, "step", "finding", "explanation", "history")
    assert rows(tshark, path, fields, "-o", preference) == rows(tshark, path, fields)


def test_more_headers_than_anybody_reads(tshark, tmp_path):
    """The first 64 of a frame are shown, and the rest does no harm."""
    syns = [Peers(client_port=50000 + number).packet("client", SYN, 0) for number in range(70)]
    path = capture(tmp_path / "x.pcap", [wire.a_msdu(*syns)], link_type=wire.LINK_80211)
    assert [len(segments) for segments in rows(tshark, path, ["connection"])] == [64]
    wire.assert_nothing_lost(tshark, path)
