# SPDX-License-Identifier: GPL-2.0-or-later
"""What surrounds TCP on the wire, octet by octet, and what the plugin makes of it.

A test builds frames from here and from support.frames, writes a capture with `capture()` and reads the fields of the
plugin with `rows()`.
"""

import ipaddress
import itertools
import re
import struct
import subprocess
import xml.etree.ElementTree as xml
from pathlib import Path

from support import frames, pcap
from support.frames import ACK, FIN, PSH, SYN

CLIENT, SERVER = "192.0.2.1", "198.51.100.2"
CLIENT6, SERVER6 = "2001:db8::1", "2001:db8:0:1::2"
CLIENT_PORT, SERVER_PORT = 49152, 49153
CLIENT_ISN, SERVER_ISN = 1000, 5000
START_NS = 1_700_000_000 * 10**9
MILLISECOND = 10**6

LINK_ETHERNET, LINK_RAW, LINK_80211 = 1, 101, 105
ETHERNET_HEADER, IPV4_HEADER, TCP_HEADER = 14, 20, 20

ENGINE = Path(__file__).resolve().parents[2] / "plugin" / "engine"

HANDSHAKE_STATES = [("SYN-SENT", "SYN-RECEIVED"), ("ESTABLISHED", "SYN-RECEIVED"), ("ESTABLISHED", "ESTABLISHED")]


# ---- segments -------------------------------------------------------------------------------------------------------


class Peers:
    """Segments between a client and a server, as IP packets. Numbers are relative to the sender's and peer's ISN."""

    def __init__(self, client=CLIENT, server=SERVER, client_port=CLIENT_PORT, server_port=SERVER_PORT, isn=0):
        self.client, self.server = client, server
        self.isn = isn  # added to both
        self.client_port, self.server_port = client_port, server_port
        self.identification = itertools.count(1)

    def tcp(self, sender, flags, seq, ack=0, **more):
        """A TCP segment without IP header."""
        from_client = sender == "client"
        source, destination = (self.client, self.server) if from_client else (self.server, self.client)
        ports = (self.client_port, self.server_port) if from_client else (self.server_port, self.client_port)
        isns = (CLIENT_ISN, SERVER_ISN) if from_client else (SERVER_ISN, CLIENT_ISN)
        more.setdefault("window", 64240)
        return frames.tcp_segment(source, destination, *ports, seq=self.isn + isns[0] + seq,
                                  ack=self.isn + isns[1] + ack if flags & ACK else 0, flags=flags, **more)

    def packet(self, sender, flags, seq, ack=0, **more):
        return self.ip(sender, self.tcp(sender, flags, seq, ack, **more))

    def ip(self, sender, payload, **more):
        pair = (self.client, self.server) if sender == "client" else (self.server, self.client)
        return frames.ip_packet(*pair, payload, identification=next(self.identification), **more)

    def handshake(self):
        return [
            self.packet("client", SYN, 0),
            self.packet("server", SYN | ACK, 0, 1),
            self.packet("client", ACK, 1, 1),
        ]

    def data(self):
        """Four octets from the client, and their ACK."""
        return [self.packet("client", ACK | PSH, 1, 1, payload=b"data"), self.packet("server", ACK, 1, 5)]

    def four_way_close(self, sent=0):
        """By the client, which has sent that many octets."""
        return [
            self.packet("client", FIN | ACK, 1 + sent, 1),
            self.packet("server", ACK, 1, 2 + sent),
            self.packet("server", FIN | ACK, 1, 2 + sent),
            self.packet("client", ACK, 2 + sent, 2),
        ]


# ---- around IP ------------------------------------------------------------------------------------------------------


def ether_type(packet):
    return 0x86DD if packet[0] >> 4 == 6 else 0x0800


def ethernet(packet, kind=None):
    return b"\2\0\0\0\0\1\2\0\0\0\0\2" + struct.pack("!H", kind or ether_type(packet)) + packet


def vlan(packet, tag=7):
    return ethernet(struct.pack("!HH", tag, ether_type(packet)) + packet, 0x8100)


def two_vlans(packet):
    return ethernet(struct.pack("!HHHH", 100, 0x8100, 7, ether_type(packet)) + packet, 0x88A8)


def mpls(packet):
    return ethernet(struct.pack("!I", 16 << 12 | 1 << 8 | 64) + packet, 0x8847)


def pppoe(packet):
    protocol = 0x57 if packet[0] >> 4 == 6 else 0x21
    return ethernet(struct.pack("!BBHHH", 0x11, 0, 1, len(packet) + 2, protocol) + packet, 0x8864)


def outer4(payload, protocol):
    return ethernet(frames.ip_packet("203.0.113.1", "203.0.113.2", payload, protocol=protocol))


def outer6(payload, protocol):
    return ethernet(frames.ip_packet("2001:db8:f::1", "2001:db8:f::2", payload, protocol=protocol))


def gre(packet):
    return outer4(struct.pack("!HH", 0, ether_type(packet)) + packet, 47)


def ip_in_ip(packet):
    return outer4(packet, 41 if packet[0] >> 4 == 6 else 4)


def ip_in_ip6(packet):
    return outer6(packet, 41 if packet[0] >> 4 == 6 else 4)


def vxlan(packet):
    inner = ethernet(packet)
    return outer4(struct.pack("!HHHH", 50000, 4789, 16 + len(inner), 0) + struct.pack("!II", 0x08000000, 7 << 8) + inner,
                  17)


def gre_in_gre(packet):
    return gre(frames.ip_packet("203.0.113.3", "203.0.113.4", struct.pack("!HH", 0, ether_type(packet)) + packet,
                                protocol=47))


def ipv6_with(packet, kind, body):
    """An IPv6 packet with one extension header more, in front; `body` starts after the length octet."""
    assert packet[0] >> 4 == 6 and len(body) % 8 == 6
    length = len(packet) - 40 + len(body) + 2
    return (packet[:4] + struct.pack("!HB", length, kind) + packet[7:40] + bytes([packet[6], len(body) // 8]) + body
            + packet[40:])


def hop_by_hop(packet):
    return ipv6_with(packet, 0, b"\x01\x04\0\0\0\0")


def destination_options(packet):
    return ipv6_with(packet, 60, b"\x01\x0c" + bytes(12))


def routed(packet, kind=0):
    """On its way to an intermediate node; the routing header names the final destination."""
    waypoint = ipaddress.ip_address("2001:db8:e::1").packed
    body = bytes([kind, 1]) + bytes(4) + packet[24:40]
    return ipv6_with(packet[:24] + waypoint + packet[40:], 43, body)


def authenticated(packet):
    """With an authentication header, which counts its length in 4 octets."""
    body = b"\0\0" + struct.pack("!II", 1, 1) + bytes(12)
    length = len(packet) - 40 + 24
    return packet[:4] + struct.pack("!HB", length, 51) + packet[7:40] + bytes([packet[6], 4]) + body + packet[40:]


def fragments(packet, sizes):
    """An IPv4 packet cut into fragments with these many octets of payload; the last takes the rest."""
    header, payload = bytearray(packet[:20]), packet[20:]
    offset, result = 0, []
    for size in [*sizes, len(payload) - sum(sizes)]:
        more = offset + size < len(payload)
        header[2:4] = struct.pack("!H", 20 + size)
        header[6:8] = struct.pack("!H", (0x2000 if more else 0) | offset // 8)
        header[10:12] = b"\0\0"
        header[10:12] = struct.pack("!H", frames.checksum(bytes(header)))
        result.append(bytes(header) + payload[offset:offset + size])
        offset += size
    return result


def fragments6(packet, sizes, identification=7):
    """The same for IPv6, with a fragment header each."""
    payload, offset, result = packet[40:], 0, []
    for size in [*sizes, len(payload) - sum(sizes)]:
        more = offset + size < len(payload)
        fragment = struct.pack("!BBHI", packet[6], 0, offset | more, identification) + payload[offset:offset + size]
        result.append(packet[:4] + struct.pack("!HB", len(fragment), 44) + packet[7:40] + fragment)
        offset += size
    return result


def icmp_error(quoted, octets, quoter="203.0.113.9", receiver=CLIENT):
    """"Destination unreachable", with the quoted packet's IP header and that many octets of its payload."""
    return frames.ip_packet(quoter, receiver, _icmp(struct.pack("!BBHI", 3, 1, 0, 0) + quoted[:20 + octets]), protocol=1)


def icmp6_error(quoted, octets, quoter="2001:db8:9::9", receiver=CLIENT6):
    return frames.ip_packet(quoter, receiver, struct.pack("!BBHI", 1, 3, 0, 0) + quoted[:40 + octets], protocol=58)


def sflow(frame, reporter="203.0.113.9", collector="203.0.113.10"):
    """An sFlow datagram with one sample of a frame, as a switch sends it to its collector."""
    record = struct.pack("!IIII", 1, len(frame), 0, len(frame)) + frame + bytes(-len(frame) % 4)
    sample = struct.pack("!IIIIIIII", 1, 1, 256, 256, 0, 1, 2, 1) + struct.pack("!II", 1, len(record)) + record
    datagram = (struct.pack("!II4sIIII", 5, 1, ipaddress.ip_address(reporter).packed, 0, 1, 1000, 1)
                + struct.pack("!II", 1, len(sample)) + sample)
    udp = struct.pack("!HHHH", 50000, 6343, 8 + len(datagram), 0) + datagram
    return frames.ip_packet(reporter, collector, udp, protocol=17)


def _icmp(message):
    return message[:2] + struct.pack("!H", frames.checksum(message)) + message[4:]


def a_msdu(*packets):
    """An aggregated 802.11 data frame with one subframe for each IP packet. Link type LINK_80211."""
    header = b"\x88\x01\0\0" + b"\2\0\0\0\0\3" + b"\2\0\0\0\0\1" + b"\2\0\0\0\0\3" + b"\0\0" + b"\x80\0"
    body = b""
    for packet in packets:
        msdu = b"\xaa\xaa\3\0\0\0" + struct.pack("!H", ether_type(packet)) + packet
        body += bytes(-len(body) % 4)
        body += b"\2\0\0\0\0\2" + b"\2\0\0\0\0\1" + struct.pack("!H", len(msdu)) + msdu
    return header + body


# ---- captures and what comes out of them ----------------------------------------------------------------------------


def capture(path, packets, *, spacing_ns=10 * MILLISECOND, times_ns=None, **more):
    """A capture file of frames, evenly spaced unless `times_ns` says when."""
    if times_ns is None:
        times_ns = range(START_NS, START_NS + spacing_ns * len(packets), spacing_ns)
    pcap.write_pcap(path, list(zip(times_ns, packets, strict=True)), **more)
    return path


def rows(tshark, path, fields, *arguments):
    """For each frame, a list with one dict per segment that the plugin shows: the fields that it has. A field with
    several values, such as `finding`, has them in a list."""
    output = tshark("-n", "-r", path, "-T", "pdml", *arguments).stdout
    result = []
    for packet in xml.fromstring(output).iter("packet"):
        segments = []
        for proto in packet.findall("./proto[@name='tcpstate']"):
            segment = {}
            for name in fields:
                values = [item.get("show") for item in proto.findall(f".//field[@name='tcpstate.{name}']")]
                if values:
                    segment[name] = values if name in LISTS else values[0]
            segments.append(segment)
        result.append(segments)
    return result


LISTS = ("finding", "transition", "violation", "anomaly", "milestone", "artifact")


def states(tshark, path, *arguments):
    """For each frame, a list of (client's state, server's state), one per segment."""
    fields = ("client.state.name", "server.state.name")
    return [[tuple(segment[name] for name in fields) for segment in frame]
            for frame in rows(tshark, path, fields, *arguments)]


def without_plugin(element):
    """PDML without what belongs to the plugin, and without the line breaks between elements."""
    for item in element.iter():
        item.tail = item.text = None
    for packet in element.iter("packet"):
        for proto in packet.findall("./proto[@name='tcpstate']"):
            packet.remove(proto)
    return element


def pdml(tshark, path, *arguments, **options):
    return xml.fromstring(tshark("-n", "-r", path, "-T", "pdml", *arguments, **options).stdout)


def assert_nothing_lost(tshark, path, *arguments):
    """All that Wireshark shows of each frame without the plugin, it shows with it."""
    with_plugin = without_plugin(pdml(tshark, path, *arguments))
    plain = without_plugin(pdml(tshark, path, *arguments, plugin=False))
    with_plugin, plain = list(with_plugin.iter("packet")), list(plain.iter("packet"))
    assert len(with_plugin) == len(plain)
    for number, (one, other) in enumerate(zip(with_plugin, plain, strict=True), 1):
        assert xml.tostring(one) == xml.tostring(other), f"frame {number}"


def summaries(tshark, path, *arguments, **options):
    """The lines that tshark prints without options."""
    return tshark("-n", "-r", path, *arguments, **options).stdout.splitlines()


def _finding_rows():
    """(id, KIND, SEVERITY, FREQUENCY) of each row of finding.def."""
    return re.findall(r"^FINDING\((\w+), (\w+), (\w+), (\w+),", (ENGINE / "finding.def").read_text(), re.M)


def findings():
    return {name: kind.lower() for name, kind, _, _ in _finding_rows()}


def frequencies():
    return {name: frequency for name, _, _, frequency in _finding_rows()}


def text2pcap(*arguments):
    subprocess.run(["text2pcap", *map(str, arguments)], check=True, capture_output=True)
