"""The kernel's state of one four-tuple, by sock_diag GET.

Unlike the tracepoint this also finds request sockets (SYN-RECEIVED) and TIME-WAIT minisockets, whose
substate it returns (FIN-WAIT-2 or TIME-WAIT).
"""

import errno
import socket
import struct

NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY, SOCK_DESTROY = 4, 20, 21
NLM_F_REQUEST, NLM_F_ACK, NLMSG_ERROR = 1, 4, 2

# Linux's numbers to the names of RFC 9293 3.3.2.  None: no socket of its own, LISTEN and CLOSED look alike.
STATES = {1: "ESTABLISHED", 2: "SYN-SENT", 3: "SYN-RECEIVED", 4: "FIN-WAIT-1", 5: "FIN-WAIT-2", 6: "TIME-WAIT",
          7: None, 8: "CLOSE-WAIT", 9: "LAST-ACK", 10: None, 11: "CLOSING", 12: "SYN-RECEIVED"}


class Diag:
    def __init__(self, namespace):
        self.socket = namespace.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG)
        self.socket.settimeout(5)
        self.sequence = 0

    def _ask(self, kind, flags, local, remote):
        self.sequence += 1
        family = socket.AF_INET6 if ":" in local[0] else socket.AF_INET
        identity = struct.pack("!HH16s16s", local[1], remote[1], socket.inet_pton(family, local[0]),
                               socket.inet_pton(family, remote[0])) + struct.pack("=III", 0, 0xFFFFFFFF, 0xFFFFFFFF)
        body = struct.pack("=BBBBI", family, socket.IPPROTO_TCP, 0, 0, 0xFFFFFFFF) + identity
        self.socket.send(struct.pack("=IHHII", 16 + len(body), kind, flags, self.sequence, 0) + body)
        while True:
            answer = self.socket.recv(8192)
            _, kind, _, sequence, _ = struct.unpack_from("=IHHII", answer)
            if sequence == self.sequence:
                return kind, answer[16:]

    def state(self, local, remote):
        """The RFC name, or None without a socket of exactly this four-tuple."""
        kind, body = self._ask(SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST, local, remote)
        if kind == NLMSG_ERROR:
            number = -struct.unpack_from("=i", body)[0]
            if number != errno.ENOENT:
                raise OSError(number, f"sock_diag: {local} {remote}")
            return None
        return STATES[body[1]]

    def destroy(self, local, remote):
        """What `ss --kill` does: an administrator ends the connection, with a RST."""
        kind, body = self._ask(SOCK_DESTROY, NLM_F_REQUEST | NLM_F_ACK, local, remote)
        number = -struct.unpack_from("=i", body)[0] if kind == NLMSG_ERROR else 0
        if number:
            raise OSError(number, "sock_diag destroy")
