"""Classic pcap files with nanosecond timestamps and raw IP packets (LINKTYPE_RAW)."""

import struct

MAGIC_NANOSECONDS, LINKTYPE_RAW = 0xA1B23C4D, 101


def write(path, frames):
    """`frames`: (time in ns, packet)."""
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", MAGIC_NANOSECONDS, 2, 4, 0, 0, 262144, LINKTYPE_RAW))
        for time_ns, raw in frames:
            file.write(struct.pack("<IIII", time_ns // 10**9, time_ns % 10**9, len(raw), len(raw)) + raw)
