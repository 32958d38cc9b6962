# SPDX-License-Identifier: GPL-2.0-or-later
"""Capture files in the classic pcap format, with nanoseconds."""

import struct

MAGIC_NANOSECONDS = 0xA1B23C4D
MAGIC_MICROSECONDS = 0xA1B2C3D4
LINK_ETHERNET = 1
LINK_RAW_IP = 101


def write_pcap(path, frames, *, link_type=LINK_ETHERNET, snap_length=262144):
    """`frames`: (time in nanoseconds, octets), in the order of the file. Octets beyond `snap_length` are cut off."""
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", MAGIC_NANOSECONDS, 2, 4, 0, 0, snap_length, link_type))
        for time_ns, octets in frames:
            captured = octets[:snap_length]
            file.write(struct.pack("<IIII", time_ns // 10**9, time_ns % 10**9, len(captured), len(octets)) + captured)


def read_pcap(path):
    """(link type, [(time in nanoseconds, octets)]) of a pcap file of either byte order and resolution."""
    with open(path, "rb") as file:
        data = file.read()
    for order in "<>":
        magic = struct.unpack_from(order + "I", data)[0]
        if magic in (MAGIC_NANOSECONDS, MAGIC_MICROSECONDS):
            break
    else:
        raise ValueError(f"{path}: not a pcap file")
    unit = 1 if magic == MAGIC_NANOSECONDS else 1000
    link_type = struct.unpack_from(order + "I", data, 20)[0]
    frames, offset = [], 24
    while offset < len(data):
        seconds, fraction, captured, _ = struct.unpack_from(order + "IIII", data, offset)
        frames.append((seconds * 10**9 + fraction * unit, data[offset + 16:offset + 16 + captured]))
        offset += 16 + captured
    return link_type, frames
