# SPDX-License-Identifier: GPL-2.0-or-later
"""One pass, two passes, another file, memory given back on the way: what a frame shows stays the same."""

import random

import pytest

import wire
from support.frames import ACK, FIN, PSH, RST
from support import frames
from wire import HANDSHAKE_STATES, Peers, capture, ethernet, rows, states

# Of interface.md, but for those that say that a later pass differs.
STABLE = """
    connection client server sender.name roles.name client.state.name server.state.name client.before.name
    server.before.name client.certainty.name server.certainty.name transition phase.name step explanation rfc uncertain
    syn_frame synack_frame handshake_ack_frame client.fin_frame server.fin_frame rst_frame cause_frame story_frame
    handshake.time handshake.server_time handshake.client_time close.time client.dwell server.dwell vantage.name opened_by.name
    closed_by.name close.kind.name history finding
""".split()


@pytest.fixture(scope="module")
def busy(tmp_path_factory):
    """Many connections at once, with repetitions, losses and resets at random."""
    chance = random.Random(9293)
    conversations = []
    for number in range(60):
        peers = Peers(client_port=50000 + number) if number % 2 else Peers(wire.CLIENT6, wire.SERVER6, 50000 + number)
        packets = peers.handshake()
        packets += [peers.packet("client", ACK | PSH, 1, 1, payload=b"data"), peers.packet("server", ACK, 1, 5)]
        packets += [peers.packet("client", RST, 5)] if number % 5 == 0 else [
            peers.packet("server", FIN | ACK, 1, 5), peers.packet("client", ACK, 5, 2),
            peers.packet("client", FIN | ACK, 5, 2), peers.packet("server", ACK, 2, 6)]
        packets = [packet for packet in packets if chance.random() > 0.1]
        packets = [packet for packet in packets for _ in range(1 + (chance.random() < 0.1))]
        if chance.random() < 0.3:
            packets += Peers(peers.client, peers.server, peers.client_port, isn=10**6).handshake()
        conversations.append(packets)
    mixed = []
    while conversations:
        conversation = chance.choice(conversations)
        mixed.append(conversation.pop(0))
        conversations = [other for other in conversations if other]
    path = tmp_path_factory.mktemp("passes") / "busy.pcap"
    return capture(path, list(map(ethernet, mixed)), spacing_ns=3 * wire.MILLISECOND)


def without_final(per_frame):
    """Without the findings that only a later pass can know."""
    final = {name for name, frequency in wire.frequencies().items() if frequency == "FINAL"}
    assert "syn_unanswered" in final
    for (segment,) in per_frame:
        segment["finding"] = [name for name in segment.get("finding", []) if name not in final]
    return per_frame


# Who closed the connection, how, and by which segments: a later pass differs where the whole capture contradicts it.
ENDING = ("closed_by.name", "close.kind.name", "client.fin_frame", "server.fin_frame", "rst_frame")


def ends(per_frame):
    """{connection: its end, as its last segment tells it}"""
    return {segment["connection"]: [segment.get(name) for name in ENDING] for (segment,) in per_frame}


def without_ends(per_frame, connections):
    return [{name: value for name, value in segment.items()
             if name not in ENDING or segment["connection"] not in connections} for (segment,) in per_frame]


def test_two_passes_show_what_one_pass_shows(tshark, busy):
    one = without_final(rows(tshark, busy, STABLE))
    assert sum(map(len, one)) > 400
    assert len({segment["connection"] for (segment,) in one}) > 60
    two = without_final(rows(tshark, busy, STABLE, "-2"))
    first, later = ends(one), ends(two)
    contradicted = {connection for connection, end in first.items() if later[connection] != end}
    assert len(contradicted) < len(first) / 10
    assert without_ends(two, contradicted) == without_ends(one, contradicted)


def test_a_tree_that_is_not_shown_has_the_same_values(tshark, busy):
    """-T fields makes no visible tree: fields take another path through Wireshark."""
    names = ["client.state.name", "server.state.name", "step", "client", "explanation", "history", "syn_frame"]
    columns = [argument for name in names for argument in ("-e", f"tcpstate.{name}")]
    output = tshark("-r", busy, "-T", "fields", "-E", "separator=|", *columns).stdout
    shown = [[segment.get(name, "") for name in names] for (segment,) in rows(tshark, busy, names)]
    assert [line.split("|") for line in output.splitlines()] == shown


def test_columns_agree_in_two_passes(tshark, busy):
    columns = ("-o", 'gui.column.format:"C","%Cus:tcpstate.client.state","S","%Cus:tcpstate.step","I","%i"',
               "-o", "tcpstate.info_column:TRUE")
    lines = wire.summaries(tshark, busy, *columns)
    assert any("ESTABLISHED" in line and "[handshake 3/3]" in line for line in lines)
    assert wire.summaries(tshark, busy, *columns, "-2") == lines


@pytest.mark.parametrize("display_filter", ('tcpstate.client.state == "ESTABLISHED"', "tcpstate.finding", "tcp.port == 50003"))
def test_a_display_filter_changes_no_state(tshark, busy, display_filter):
    everything = rows(tshark, busy, STABLE)
    for passes in ([], ["-2"]):
        output = tshark("-r", busy, "-Y", display_filter, "-T", "fields", "-e", "frame.number", *passes).stdout
        numbers = [int(number) for number in output.split()]
        assert 0 < len(numbers) < len(everything)
        filtered = rows(tshark, busy, STABLE, "-Y", display_filter, *passes)
        assert [segment["client.state.name"] for (segment,) in filtered] == \
            [everything[number - 1][0]["client.state.name"] for number in numbers]


def test_a_read_filter_shows_each_frame_its_own_segment(tshark, busy):
    """Wireshark numbers frames by those that pass, and several frames have one number while it reads."""
    names = ("connection", "client", "sender.name", "client.state.name", "server.state.name", "step")
    odd = "tcp.dstport == 49153 && !(tcp.port == 50004)"
    everything = rows(tshark, busy, names, "-Y", odd)
    assert 100 < len(everything) < 400
    assert rows(tshark, busy, names, "-2", "-R", odd) == everything


@pytest.mark.parametrize("every", (1, 3, 5))
def test_memory_given_back_on_the_way_forgets_all(tshark, tmp_path, every):
    """-M: after so many frames everything is forgotten, and the next frame has number 1."""
    peers = Peers()
    packets = list(map(ethernet, peers.handshake() + peers.four_way_close() + Peers(client_port=50000).handshake()))
    names = ("connection", "client.state.name", "server.state.name", "syn_frame", "step", "finding", "history")
    path = capture(tmp_path / "all.pcap", packets)
    pieces = []
    for start in range(0, len(packets), every):
        piece = packets[start:start + every]
        times = [wire.START_NS + (start + i) * 10 * wire.MILLISECOND for i in range(len(piece))]
        pieces += rows(tshark, capture(tmp_path / f"{start}.pcap", piece, times_ns=times), names)
    assert rows(tshark, path, names, "-M", str(every)) == pieces
    assert rows(tshark, path, names) != pieces


def test_another_file_starts_anew(wireshark, tmp_path):
    """sharkd loads one file after the other, as the window does."""
    first = capture(tmp_path / "first.pcap", list(map(ethernet, Peers().handshake())))
    second = capture(tmp_path / "second.pcap", list(map(ethernet, Peers().handshake()[1:])))

    def opened(*paths):
        requests = [("load", {"file": str(wireshark.readable(path))}) for path in paths]
        requests += [("frame", {"frame": number, "proto": True}) for number in (2, 1)]
        return [answer["tree"] for answer in wireshark.sharkd(requests)[len(paths):]]

    assert opened(first, second) == opened(second)
    assert opened(first, second) != opened(second, first)


def test_switched_off(tshark, busy):
    off = ("--disable-protocol", "tcpstate")
    assert wire.summaries(tshark, busy, "-V", *off) == wire.summaries(tshark, busy, "-V", plugin=False)


def test_nothing_is_lost(tshark, busy):
    wire.assert_nothing_lost(tshark, busy)


def test_frames_without_time(tshark, tmp_path):
    """A format without time stamps: the states are there, and no time is told."""
    text = tmp_path / "x.txt"
    lines = []
    for packet in map(ethernet, Peers().handshake() + Peers().four_way_close()):
        lines += [f"{at:06x} " + packet[at:at + 16].hex(" ") for at in range(0, len(packet), 16)]
    text.write_text("\n".join(lines) + "\n")
    path = tmp_path / "x.pcap"
    wire.text2pcap("-q", text, path)
    assert [pair for (pair,) in states(tshark, path)][:3] == HANDSHAKE_STATES


def test_the_same_port_pair_between_other_addresses(tshark, tmp_path):
    """Only the whole tuple makes a connection."""
    one, other = Peers(), Peers(client="192.0.2.9")
    packets = [packet for pair in zip(one.handshake(), other.handshake(), strict=True) for packet in pair]
    path = capture(tmp_path / "x.pcap", list(map(frames.ethernet, packets)))
    assert [frame[0]["connection"] for frame in rows(tshark, path, ["connection"])] == list("010101")


def test_a_capture_without_the_first_segments(tshark, tmp_path):
    peers = Peers()
    packets = [peers.packet("client", ACK | PSH, 1, 1, payload=b"data"), peers.packet("server", ACK, 1, 5)]
    path = capture(tmp_path / "x.pcap", list(map(ethernet, packets)))
    first, second = rows(tshark, path, ("client.certainty.name", "syn_frame", "roles.name"))
    assert first[0]["roles.name"] == "guess"
    assert "syn_frame" not in first[0] and "syn_frame" not in second[0]
