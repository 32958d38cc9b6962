"""Many captures in one file, because tshark takes longer to start than to read one.

Every capture gets addresses of its own, so that its connections stay its own, and its own stretch of time.  Checksums
are adjusted by the difference (RFC 1624), so that a bad one stays bad.
"""

import re
import struct

from . import packet as pkt
from . import pcap

PAUSE_NS = 1000 * 10**9
V4_NET, V6_NET = bytes((192, 0, 2)), bytes.fromhex("20010db8") + bytes(4)


def read_pcap(path):
    data = path.read_bytes()
    at, frames = 24, []
    while at < len(data):
        seconds, fraction, length, _ = struct.unpack_from("<IIII", data, at)
        frames.append((seconds * 10**9 + fraction, data[at + 16:at + 16 + length]))
        at += 16 + length
    return frames


def merge(captures, out, lengths=None):
    """Writes one capture of all, or of the first `lengths` frames of each; returns the number of frames of each."""
    frames, counts, now = [], [], 10**18
    for number, path in enumerate(captures, 1):
        own = read_pcap(path)[:lengths[number - 1] if lengths else None]
        counts.append(len(own))
        first = own[0][0] if own else 0
        frames += [(now + time_ns - first, readdress(raw, number)) for time_ns, raw in own]
        now = frames[-1][0] + PAUSE_NS if frames else now
    pcap.write(out, frames)
    return counts


def readdress(raw, number):
    """The packet, moved to network `number`."""
    moved = _move_header(raw, number)
    _, _, protocol, start = pkt.split_ip(raw)
    body = moved[start:]
    if protocol == pkt.PROTOCOL_TCP:
        at = 16
        old = struct.unpack_from("!H", body, at)[0]
        # RFC 1624: HC' = ~(~HC + ~m + m'), over the addresses of the pseudo header.
        total = (~old & 0xFFFF) + _sum_inverted(_addresses(raw)) + _sum(_addresses(moved))
        while total >> 16:
            total = (total & 0xFFFF) + (total >> 16)
        body = body[:at] + struct.pack("!H", ~total & 0xFFFF) + body[at + 2:]
        return moved[:start] + body
    quoted = body[:8] + _move_header(body[8:], number)
    source, destination, _, _ = pkt.split_ip(moved)
    return pkt.ip_packet(source, destination, protocol, quoted, 2)


def _addresses(raw):
    return raw[12:20] if raw[0] >> 4 == 4 else raw[8:40]


def _sum(data):
    return sum(struct.unpack(f"!{len(data) // 2}H", data))


def _sum_inverted(data):
    return sum(~word & 0xFFFF for word in struct.unpack(f"!{len(data) // 2}H", data))


def _move_header(raw, number):
    if raw[0] >> 4 == 4:
        header = raw[:10] + b"\0\0" + raw[12:20].replace(V4_NET, bytes((10, number >> 8, number & 255)))
        return header[:10] + struct.pack("!H", pkt.checksum(header)) + header[12:] + raw[20:]
    new = V6_NET[:4] + struct.pack("!H", number) + bytes(2)
    return raw[:8] + raw[8:24].replace(V6_NET, new, 1) + raw[24:40].replace(V6_NET, new, 1) + raw[40:]


def original_name(name):
    """`addr:port` as the capture itself has it."""
    name = re.sub(r"^10\.\d+\.\d+\.", "192.0.2.", name)
    return re.sub(r"^\[2001:db8:[0-9a-f]+::", "[2001:db8::", name)
