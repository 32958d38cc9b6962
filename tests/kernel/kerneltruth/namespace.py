"""A network namespace with one TUN device, and sockets in it.

The namespace has no name: a file descriptor keeps it, so it vanishes with the process however that ends.
"""

import ctypes
import fcntl
import os
import socket
import struct
import subprocess

CLONE_NEWNET = 0x40000000
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000
_libc = ctypes.CDLL(None, use_errno=True)


def _check(result):
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


class Namespace:
    def __init__(self, v4, v6):
        """Makes the namespace; `v4` and `v6` are the addresses of its TUN device, the rest of /24 and /64 is behind it."""
        home = os.open("/proc/self/ns/net", os.O_RDONLY)
        _check(_libc.unshare(CLONE_NEWNET))
        try:
            self.fd = os.open("/proc/self/ns/net", os.O_RDONLY)
            self.tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
            fcntl.ioctl(self.tun, TUNSETIFF, struct.pack("16sH22x", b"tun0", IFF_TUN | IFF_NO_PI))
            # No link-local address: its duplicate detection and router solicitations would be noise in the captures.
            for path in ("all", "default", "tun0"):
                self._write(f"/proc/sys/net/ipv6/conf/{path}/addr_gen_mode", 1)
                self._write(f"/proc/sys/net/ipv6/conf/{path}/accept_dad", 0)
                self._write(f"/proc/sys/net/ipv6/conf/{path}/router_solicitations", 0)
            for line in (f"addr add {v4}/24 dev tun0", f"addr add {v6}/64 dev tun0 nodad", "link set lo up",
                         "link set tun0 up"):
                subprocess.run(["ip", *line.split()], check=True)
        finally:
            _check(_libc.setns(home, CLONE_NEWNET))
            os.close(home)
        self.v4, self.v6 = v4, v6

    @staticmethod
    def _write(path, value):
        with open(path, "w", encoding="ascii") as file:
            file.write(str(value))

    def _inside(self, call):
        home = os.open("/proc/self/ns/net", os.O_RDONLY)
        _check(_libc.setns(self.fd, CLONE_NEWNET))
        try:
            return call()
        finally:
            _check(_libc.setns(home, CLONE_NEWNET))
            os.close(home)

    def sysctl(self, name, value):
        """Sets net.ipv4.NAME: /proc/sys/net shows the namespace of whoever opens it."""
        self._inside(lambda: self._write(f"/proc/sys/net/ipv4/{name}", value))

    def socket(self, *arguments):
        """A socket of this namespace: it stays there when the process goes home."""
        return self._inside(lambda: socket.socket(*arguments))

    def run(self, *command):
        self._inside(lambda: subprocess.run(command, check=True))

    def close(self):
        os.close(self.tun)
        os.close(self.fd)
