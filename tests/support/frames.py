# SPDX-License-Identifier: GPL-2.0-or-later
"""Ethernet, IP and TCP from numbers to octets.

Builds what a capture file holds; judges nothing, so that broken segments can be written as easily as good ones.
"""

import ipaddress
import struct

FIN, SYN, RST, PSH, ACK, URG, ECE, CWR, AE = (1 << bit for bit in range(9))

OPTION_END, OPTION_NOP = 0, 1


def checksum(octets):
    """The Internet checksum, RFC 1071."""
    if len(octets) % 2:
        octets += b"\0"
    total = sum(struct.unpack(f"!{len(octets) // 2}H", octets))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def option(kind, body=b""):
    """One TCP option with its length octet."""
    return bytes([kind, 2 + len(body)]) + body


def option_mss(mss):
    return option(2, struct.pack("!H", mss))


def option_window_scale(shift):
    return option(3, bytes([shift]))


def option_sack_permitted():
    return option(4)


def option_sack(blocks):
    return option(5, b"".join(struct.pack("!II", left, right) for left, right in blocks))


def option_timestamps(value, echo_reply):
    return option(8, struct.pack("!II", value, echo_reply))


def option_md5():
    return option(19, bytes(range(16)))


def option_fast_open(cookie=b""):
    return option(34, cookie)


def tcp_segment(source, destination, source_port, destination_port, *, seq, ack=0, flags=0, window=0, urgent=0,
                options=b"", payload=b"", bad_checksum=False, partial_checksum=False):
    """(header, payload) as one byte string. `source` and `destination` are addresses, for the pseudo-header. A partial
    checksum is what a host leaves to its network card: the sum of the pseudo-header alone."""
    source, destination = ipaddress.ip_address(source), ipaddress.ip_address(destination)
    options += bytes([OPTION_NOP]) * (-len(options) % 4)
    header_length = 20 + len(options)
    if header_length > 60:
        raise ValueError(f"{len(options)} octets of TCP options do not fit")
    header = struct.pack("!HHIIHHHH", source_port, destination_port, seq & 0xFFFFFFFF, ack & 0xFFFFFFFF,
                         header_length // 4 << 12 | flags, window, 0, urgent) + options
    length = header_length + len(payload)
    if source.version == 4:
        pseudo = struct.pack("!4s4sBBH", source.packed, destination.packed, 0, 6, length)
    else:
        pseudo = struct.pack("!16s16sI3xB", source.packed, destination.packed, length, 6)
    value = checksum(pseudo + header + payload)
    if bad_checksum:
        value ^= 0x5A5A
    if partial_checksum:
        value = checksum(pseudo) ^ 0xFFFF
    return header[:16] + struct.pack("!H", value) + header[18:] + payload


def tcp_header_length(segment):
    return (segment[12] >> 4) * 4


def ip_packet(source, destination, payload, *, protocol=6, ttl=64, identification=0, traffic_class=0):
    """An IPv4 or IPv6 packet, by the version of the addresses. `identification` is of IPv4 only."""
    source, destination = ipaddress.ip_address(source), ipaddress.ip_address(destination)
    if source.version != destination.version:
        raise ValueError(f"{source} and {destination} are of two IP versions")
    if source.version == 6:
        return struct.pack("!IHBB16s16s", 6 << 28 | traffic_class << 20, len(payload), protocol, ttl, source.packed,
                           destination.packed) + payload
    do_not_fragment = 0x4000
    header = struct.pack("!BBHHHBBH4s4s", 0x45, traffic_class, 20 + len(payload), identification, do_not_fragment, ttl,
                         protocol, 0, source.packed, destination.packed)
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + payload


def ethernet(packet, source=2, destination=1):
    """An Ethernet frame around an IP packet; the addresses are small numbers in the range kept for local use."""
    kind = 0x86DD if packet[0] >> 4 == 6 else 0x0800
    return b"\2\0\0\0\0" + bytes([destination]) + b"\2\0\0\0\0" + bytes([source]) + struct.pack("!H", kind) + packet
