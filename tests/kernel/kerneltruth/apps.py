"""The applications on the two hosts: non-blocking sockets whose every call is one step of the bridge."""

import errno
import socket
import struct

from . import packet as pkt
from .bridge import ADDRESSES, OTHER, Net

TCP_REPAIR, TCP_FASTOPEN_CONNECT, TCP_FASTOPEN_NO_COOKIE = 19, 30, 34
SO_RCVBUF = socket.SO_RCVBUF
HARMLESS = {errno.ECONNRESET, errno.EPIPE, errno.ENOTCONN, errno.ECONNREFUSED, errno.ETIMEDOUT, errno.EINPROGRESS,
            errno.EAGAIN, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EPROTO, errno.ECONNABORTED, errno.EISCONN,
            errno.EALREADY, errno.EADDRNOTAVAIL, errno.EBADF}


class App:
    """A connected, connecting or accepted socket."""

    def __init__(self, net, side, sock, local=None, remote=None):
        self.net, self.side, self.sock = net, side, sock
        self.local, self.remote = local, remote

    def _call(self, call, *arguments):
        def quiet():
            try:
                return call(*arguments)
            except OSError as error:
                if error.errno not in HARMLESS:
                    raise
                return None
        return self.net.app(quiet)

    @property
    def endpoint(self):
        return self.net.endpoint(self.side, self.local, self.remote)

    @property
    def state(self):
        return self.endpoint.kernel

    def option(self, level, name, value):
        self.sock.setsockopt(level, name, value)
        return self

    def send(self, data):
        return self._call(self.sock.send, data if isinstance(data, bytes) else b"x" * data)

    def recv(self, size=1 << 20):
        return self._call(self.sock.recv, size)

    def shutdown(self, how=socket.SHUT_WR):
        self._call(self.sock.shutdown, how)

    def close(self):
        """An orderly close, or a RST if data was left unread."""
        self._call(self.sock.close)

    def abort(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def vanish(self):
        """The host forgets the connection and tells nobody, as in a crash."""
        self.sock.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
        self.close()

    def kill(self):
        self._call(self.net.diag[self.side].destroy, self.local, self.remote)


class Listener:
    def __init__(self, net, side, port, backlog=16, options=()):
        self.net, self.side, self.port = net, side, port
        self.sock = new_socket(net, side, options)
        self.sock.bind((net.address(side), port))
        self.sock.listen(backlog)

    def accept(self):
        """The next connection, or None."""
        def take():
            try:
                return self.sock.accept()
            except OSError as error:
                if error.errno in HARMLESS:
                    return None
                raise
        found = self.net.app(take)
        if not found:
            return None
        sock, remote = found
        sock.setblocking(False)
        self.net.opened.append(sock)
        return App(self.net, self.side, sock, (self.net.address(self.side), self.port), remote[:2])

    def close(self):
        self.net.app(self.sock.close)


def new_socket(net, side, options=()):
    family = socket.AF_INET6 if net.family == 6 else socket.AF_INET
    sock = net.hosts[side].socket(family, socket.SOCK_STREAM)
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    for level, name, value in options:
        sock.setsockopt(level, name, value)
    net.opened.append(sock)
    return sock


class Play(Net):
    """A net with the words that scenarios are written in."""

    PORT = 8080

    def __init__(self, **arguments):
        super().__init__(**arguments)
        self.next_port = 40000
        self.listener = None

    def address(self, side):
        return ADDRESSES[side][self.family == 6]

    # ---- applications ----

    def listen(self, side="B", port=PORT, backlog=16, options=()):
        self.listener = Listener(self, side, port, backlog, options)
        return self.listener

    def connect(self, side="A", local_port=None, port=PORT, options=(), data=None):
        """Starts to connect; with `data` by Fast Open."""
        if local_port is None:
            self.next_port += 1
            local_port = self.next_port
        local, remote = (self.address(side), local_port), (self.address(OTHER[side]), port)
        app = App(self, side, new_socket(self, side, options), local, remote)
        app.sock.bind(local)
        self.endpoint(side, local, remote)
        if data is None:
            app._call(app.sock.connect, remote)
        else:
            app._call(app.sock.sendto, data, socket.MSG_FASTOPEN, remote)
        return app

    def accept(self, seconds=3.0):
        found = []
        self.run(seconds, lambda: found.append(self.listener.accept()) or found[-1])
        return found[-1]

    def open(self, listen_options=(), connect_options=(), local_port=None):
        """A client on A and the accepted socket on B, both ESTABLISHED."""
        if not self.listener:
            self.listen(options=listen_options)
        client = self.connect(options=connect_options, local_port=local_port)
        server = self.accept()
        assert server, "the handshake did not complete"
        self.quiet()
        return client, server

    def quiet(self, seconds=0.06):
        """Lets everything under way arrive; less than a retransmission timeout."""
        self.run(seconds)

    def exchange(self, client, server, request=100, answer=300):
        client.send(request)
        self.quiet(0.02)
        server.recv()
        server.send(answer)
        self.quiet(0.02)
        client.recv()
        self.quiet(0.06)

    # ---- the fate of packets ----

    def rule(self, match, times=1, skip=0, **fate):
        """The next `times` segments that match (after `skip` others) have this fate: drop="after" or "before" the
        capture in the middle, delay= before it, late= after it, duplicate=(gap,), twin=(gap,), miss=True."""
        left = [skip, times]

        def judge(segment):
            if segment.forged or not match(segment):
                return None
            if left[0] > 0:
                left[0] -= 1
                return None
            if left[1] <= 0:
                return None
            left[1] -= 1
            return fate
        self.rules.append(judge)
        return judge

    def lose(self, side, letters, times=1, skip=0, where="after", data=None):
        """Loses segments of host `side` with exactly these flags (of S, F, R, A)."""
        return self.rule(wants(side, letters, data), times, skip, drop=where)

    # ---- forgery ----

    def forge(self, sender, flags, seq=0, ack=0, payload=b"", tsval=0, tsecr=0, timestamps=True, seq_is=None,
              ack_is=None, bad_checksum=False, options=b"", window=None):
        """A segment in the name of `sender` (an App or an Endpoint).  seq and ack are relative to its real SND.NXT and
        RCV.NXT, tsval and tsecr to its last timestamps; seq_is and ack_is are absolute."""
        end = getattr(sender, "endpoint", sender)
        if timestamps and end.tsval is not None:
            options = pkt.timestamps_option(end.tsval + tsval, end.tsecr + tsecr) + options
        raw = pkt.build_tcp(end.local[0], end.remote[0], end.local[1], end.remote[1],
                            end.snd_nxt + seq if seq_is is None else seq_is,
                            (end.rcv_nxt + ack if ack_is is None else ack_is) if "A" in flags else 0,
                            flags, end.window if window is None else window, options, payload, bad_checksum)
        self.inject(OTHER[end.side], raw)


def wants(side, letters, data=None):
    def match(segment):
        return (segment.side == side and segment.tcp.is_(letters)
                and (data is None or bool(segment.tcp.length) == data))
    return match
