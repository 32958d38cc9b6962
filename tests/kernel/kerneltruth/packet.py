"""IP and TCP headers as bytes: what the bridge reads and what it forges.  No state, no sockets."""

import ipaddress
import socket
import struct
from dataclasses import dataclass, field

FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10
FLAG_LETTERS = {"F": FIN, "S": SYN, "R": RST, "P": PSH, "A": ACK}
PROTOCOL_TCP, PROTOCOL_ICMP, PROTOCOL_ICMPV6 = 6, 1, 58
OPTION_TIMESTAMPS, OPTION_MD5 = 8, 19


def seq_diff(a, b):
    """a - b as a signed 32 bit number (RFC 9293 3.4: all arithmetic is modulo 2^32)."""
    return ((a - b + 0x80000000) & 0xFFFFFFFF) - 0x80000000


@dataclass(slots=True)
class Tcp:
    src: str
    dst: str
    sport: int
    dport: int
    seq: int
    ack: int
    flags: int
    window: int
    length: int
    options: dict = field(default_factory=dict)
    payload: bytes = b""

    @property
    def end(self):
        """The sequence number after the segment, SYN and FIN counted."""
        return (self.seq + self.length + bool(self.flags & SYN) + bool(self.flags & FIN)) & 0xFFFFFFFF

    @property
    def bare_syn(self):
        return self.flags & (SYN | ACK | RST | FIN) == SYN

    @property
    def tsval(self):
        value = self.options.get(OPTION_TIMESTAMPS)
        return struct.unpack("!II", value)[0] if value and len(value) == 8 else None

    @property
    def tsecr(self):
        value = self.options.get(OPTION_TIMESTAMPS)
        return struct.unpack("!II", value)[1] if value and len(value) == 8 else None

    def is_(self, letters):
        """Exactly these of the flags S, F, R, A are set."""
        return self.flags & (SYN | FIN | RST | ACK) == flag_bits(letters)

    def __str__(self):
        letters = "".join(k for k, bit in FLAG_LETTERS.items() if self.flags & bit)
        return f"{self.sport}>{self.dport} [{letters}] seq={self.seq} ack={self.ack} len={self.length}"


def flag_bits(letters):
    bits = 0
    for letter in letters:
        bits |= FLAG_LETTERS[letter]
    return bits


def split_ip(raw):
    """(source, destination, protocol, offset of the payload) of a raw IP packet."""
    if raw[0] >> 4 == 4:
        return (socket.inet_ntop(socket.AF_INET, raw[12:16]), socket.inet_ntop(socket.AF_INET, raw[16:20]),
                raw[9], (raw[0] & 15) * 4)
    return (socket.inet_ntop(socket.AF_INET6, raw[8:24]), socket.inet_ntop(socket.AF_INET6, raw[24:40]), raw[6], 40)


def parse_options(raw):
    options, i = {}, 0
    while i < len(raw):
        kind = raw[i]
        if kind == 0:
            break
        if kind == 1:
            i += 1
            continue
        if i + 1 >= len(raw) or raw[i + 1] < 2:
            break
        options[kind] = raw[i + 2:i + raw[i + 1]]
        i += raw[i + 1]
    return options


def parse_tcp(raw):
    """The TCP header of a raw IP packet, or None if it carries none."""
    src, dst, protocol, start = split_ip(raw)
    if protocol != PROTOCOL_TCP:
        return None
    sport, dport, seq, ack, offset, flags, window = struct.unpack_from("!HHIIBBH", raw, start)
    body = start + (offset >> 4) * 4
    return Tcp(src, dst, sport, dport, seq, ack, flags, window, len(raw) - body,
               parse_options(raw[start + 20:body]), raw[body:])


def is_icmp_error(raw):
    _, _, protocol, start = split_ip(raw)
    if protocol == PROTOCOL_ICMP:
        return raw[start] in (3, 11, 12)
    return protocol == PROTOCOL_ICMPV6 and raw[start] < 128


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ip_packet(src, dst, protocol, payload, checksum_at=None):
    """An IP packet around `payload`; with `checksum_at` the transport checksum is put at that offset."""
    v6 = ":" in src
    pack = ipaddress.ip_address
    src_raw, dst_raw = pack(src).packed, pack(dst).packed
    if checksum_at is not None:
        pseudo = src_raw + dst_raw + (struct.pack("!I3xB", len(payload), protocol) if v6
                                      else struct.pack("!BBH", 0, protocol, len(payload)))
        if protocol == PROTOCOL_ICMP:
            pseudo = b""
        value = checksum(pseudo + payload)
        payload = payload[:checksum_at] + struct.pack("!H", value) + payload[checksum_at + 2:]
    if v6:
        return struct.pack("!IHBB", 6 << 28, len(payload), protocol, 64) + src_raw + dst_raw + payload
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 0, 0x4000, 64, protocol, 0) + src_raw + dst_raw
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + payload


def build_tcp(src, dst, sport, dport, seq, ack, flags, window=65535, options=b"", payload=b"", bad_checksum=False):
    """A raw IP packet with one TCP segment.  `flags` are letters of SFRPA, `options` the raw bytes."""
    options += b"\1" * (-len(options) % 4)
    header = struct.pack("!HHIIBBHHH", sport, dport, seq & 0xFFFFFFFF, ack & 0xFFFFFFFF,
                         (20 + len(options)) // 4 << 4, flag_bits(flags), window, 0, 0)
    raw = ip_packet(src, dst, PROTOCOL_TCP, header + options + payload, checksum_at=16)
    if bad_checksum:
        at = split_ip(raw)[3] + 16
        raw = raw[:at] + bytes([raw[at] ^ 0x55]) + raw[at + 1:]
    return raw


def timestamps_option(value, echo):
    return struct.pack("!BBBBII", 1, 1, OPTION_TIMESTAMPS, 10, value & 0xFFFFFFFF, echo & 0xFFFFFFFF)


def icmp_unreachable(src, quoted, code):
    """The ICMP error with which `src` answers the packet `quoted` (RFC 792, RFC 4443)."""
    dst = split_ip(quoted)[0]
    if ":" in src:
        return ip_packet(src, dst, PROTOCOL_ICMPV6, struct.pack("!BBHI", 1, code, 0, 0) + quoted[:1232], 2)
    return ip_packet(src, dst, PROTOCOL_ICMP, struct.pack("!BBHI", 3, code, 0, 0) + quoted[:28], 2)
