# SPDX-License-Identifier: GPL-2.0-or-later
"""No segment, however broken, crashes Wireshark or loses the frame's other output. Random, with fixed seeds."""

import random
import struct

import pytest

import wire
from support import frames
from wire import Peers, capture, ethernet, rows

FRAMES = 300


def random_header(chance):
    """An IP packet whose TCP header is noise, but for the ports, so that connections meet several segments."""
    ports = struct.pack("!HH", chance.choice((49152, 49153)), chance.choice((49152, 49153)))
    length = chance.choice((0, 4, 8, 12, 13, 14, 16, 19, 20, 24, 40, 60, 100))
    segment = (ports + chance.randbytes(length))[:length]
    addresses = chance.choice(((wire.CLIENT, wire.SERVER), (wire.SERVER, wire.CLIENT), (wire.CLIENT, wire.CLIENT),
                               (wire.CLIENT6, wire.SERVER6), (wire.CLIENT, "255.255.255.255"), (wire.CLIENT6, "ff02::1")))
    return ethernet(frames.ip_packet(*addresses, segment))


def random_flags(chance):
    """A sound header with any flags, numbers and options."""
    options = chance.randbytes(chance.choice((0, 4, 12, 40)))
    peers = Peers()
    return ethernet(peers.packet(chance.choice(("client", "server")), chance.randrange(512), chance.randrange(-3, 4),
                                 chance.randrange(-3, 4), options=options, window=chance.randrange(65536),
                                 urgent=chance.randrange(65536), payload=bytes(chance.choice((0, 0, 1, 100)))))


def random_octets(chance):
    """A sound frame in which some octets are changed, anywhere."""
    peers = Peers() if chance.random() < 0.5 else Peers(wire.CLIENT6, wire.SERVER6)
    packet = chance.choice(peers.handshake() + peers.four_way_close())
    surround = chance.choice((ethernet, wire.vlan, wire.gre, wire.ip_in_ip6, wire.vxlan))
    frame = bytearray(surround(packet))
    for _ in range(chance.choice((1, 1, 2, 5, 20))):
        frame[chance.randrange(12, len(frame))] = chance.randrange(256)
    return bytes(frame)


def random_quote(chance):
    """An ICMP error that quotes part of a segment, damaged or not."""
    packet = bytearray(Peers().handshake()[chance.randrange(3)])
    if chance.random() < 0.5:
        packet[chance.randrange(len(packet))] = chance.randrange(256)
    return ethernet(wire.icmp_error(bytes(packet), chance.randrange(41)))


def random_extensions(chance):
    """IPv6 with extension headers of noise."""
    packet = Peers(wire.CLIENT6, wire.SERVER6).handshake()[chance.randrange(3)]
    for _ in range(chance.randrange(1, 5)):
        body = chance.randbytes(6 + 8 * chance.randrange(4))
        packet = wire.ipv6_with(packet, chance.choice((0, 43, 44, 51, 60, 135, 139, 140)), body)
    return ethernet(packet)


KINDS = (random_header, random_flags, random_octets, random_quote, random_extensions)


@pytest.mark.parametrize("kind", [*KINDS, None], ids=[*(kind.__name__ for kind in KINDS), "all"])
def test_noise(tshark, tmp_path, kind):
    chance = random.Random(repr(kind and kind.__name__))
    packets = [(kind or chance.choice(KINDS))(chance) for _ in range(FRAMES)]
    path = capture(tmp_path / "x.pcap", packets)
    wire.assert_nothing_lost(tshark, path)
    # Wireshark's own IPv6 shows damaged frames otherwise when the first pass makes no tree; the read filter makes one.
    wire.assert_nothing_lost(tshark, path, "-2", "-R", "frame.number", "-o", "tcp.check_checksum:TRUE",
                             "-o", "ip.defragment:FALSE")
    one, two = (rows(tshark, path, ("connection", "client.state", "server.state", "step"), *passes)
                for passes in ([], ["-2"]))
    assert one == two
    assert sum(map(len, one)) > 20 or kind is random_quote


@pytest.mark.parametrize("snap_length", (34, 48, 50, 54, 60, 70))
def test_noise_cut_off(tshark, tmp_path, snap_length):
    chance = random.Random(snap_length)
    packets = [chance.choice(KINDS)(chance) for _ in range(FRAMES)]
    path = capture(tmp_path / "x.pcap", packets, snap_length=snap_length)
    wire.assert_nothing_lost(tshark, path)


def test_noise_in_aggregated_frames(tshark, tmp_path):
    chance = random.Random(80211)
    packets = []
    for _ in range(FRAMES // 3):
        inner = [chance.choice(KINDS[:3])(chance)[14:] or b"\x45" for _ in range(chance.randrange(1, 6))]
        packets.append(wire.a_msdu(*inner))
    path = capture(tmp_path / "x.pcap", packets, link_type=wire.LINK_80211)
    wire.assert_nothing_lost(tshark, path)


def test_times_at_random(tshark, tmp_path):
    """Also before and after each other, and at both ends of what a capture can say."""
    chance = random.Random(1970)
    packets = [random_flags(chance) for _ in range(FRAMES)]
    times = [chance.choice((0, 1, wire.START_NS, 2**32 * 10**9 - 1)) + chance.randrange(10**9) for _ in packets]
    times = [min(time, 2**32 * 10**9 - 1) for time in times]
    path = capture(tmp_path / "x.pcap", packets, times_ns=times)
    wire.assert_nothing_lost(tshark, path)
    for frame in rows(tshark, path, ("client.dwell", "server.dwell", "handshake.time", "close.time")):
        assert all(float(value) >= 0 for segment in frame for value in segment.values())


def test_a_damaged_file_gives_wiresharks_own_error(tshark, tmp_path):
    path = capture(tmp_path / "x.pcap", list(map(ethernet, Peers().handshake())))
    data = path.read_bytes()
    path.write_bytes(data[:-10])
    result = tshark("-r", path, check=False)
    plain = tshark("-r", path, check=False, plugin=False)
    assert (result.returncode, result.stdout, result.stderr) == (plain.returncode, plain.stdout, plain.stderr)
    assert result.returncode != 0
    assert "cut short" in result.stderr
