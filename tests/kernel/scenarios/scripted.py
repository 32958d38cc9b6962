"""A real end against a script: segments in an order that no Linux peer would send.

The script is a host of A's side without a kernel behind it (its address is 192.0.2.77).  Its rows are not
comparable; those of B, a real socket, are.
"""

import struct

from kerneltruth import packet as pkt
from kerneltruth.apps import App, new_socket
from kerneltruth.catalogue import scenario

V4, V6 = "192.0.2.77", "2001:db8::77"
MSS = struct.pack("!BBH", 2, 4, 1460)


class Script:
    """A peer made of hand-written segments.  Numbers are relative to its own ISS and to B's."""

    def __init__(self, play, iss=1_000_000, port=45000):
        self.play, self.iss = play, iss
        address = V6 if play.family == 6 else V4
        play.rules.append(lambda s: {"drop": "after"} if s.tcp.dst in (V4, V6) else None)
        self.end = play.endpoint("A", (address, port), (play.address("B"), play.PORT))
        self.end.scripted = True
        self.peer = play.peer_of(self.end)

    def say(self, flags, seq, ack=0, payload=b"", pause=0.012, **how):
        base = self.peer.iss or 0
        options = MSS if "S" in flags else b""
        self.play.forge(self.end, flags, seq_is=(self.iss + seq) & 0xFFFFFFFF, ack_is=(base + ack) & 0xFFFFFFFF,
                        payload=payload, timestamps=False, options=how.pop("options", options), window=30000, **how)
        self.play.run(pause)

    def handshake(self):
        self.play.listen()
        self.say("S", 0)
        self.say("A", 1, 1)
        app = self.play.listener.accept()
        assert app, "the script's handshake failed"
        return app

    def expect_connect(self):
        """B connects to the script; only the SYN is sent."""
        sock = new_socket(self.play, "B")
        app = App(self.play, "B", sock, (self.play.address("B"), self.play.PORT), self.end.local)
        sock.bind(app.local)
        app._call(sock.connect, self.end.local)
        self.play.run(0.012)
        return app


def scripted(about, variants=("v4",), **arguments):
    def register(call):
        def run(play):
            call(play, Script(play))
            play.quiet(0.1)
        run.__name__ = "scripted_" + call.__name__
        return scenario("scripted", about, variants=variants, **arguments)(run)
    return register


@scripted("handshake, data, close by the script", variants=("v4", "v6"))
def passive_close(play, script):
    app = script.handshake()
    script.say("PA", 1, 1, b"hello")
    script.say("FA", 6, 1)
    app.close()
    play.run(0.02)
    script.say("A", 7, 2)


@scripted("handshake, close by the socket", variants=("v4", "v6"))
def active_close(play, script):
    app = script.handshake()
    app.close()
    play.run(0.02)
    script.say("A", 1, 2)
    script.say("FA", 1, 2)


@scripted("the socket closes, the script's FIN acknowledges it at once")
def active_close_three_segments(play, script):
    app = script.handshake()
    app.close()
    play.run(0.02)
    script.say("FA", 1, 2)


@scripted("simultaneous close")
def simultaneous_close(play, script):
    app = script.handshake()
    app.close()
    play.run(0.005)
    script.say("FA", 1, 1)
    script.say("A", 2, 2)


@scripted("simultaneous close, our FIN is never acknowledged", sysctls={"tcp_orphan_retries": 1})
def simultaneous_close_unacknowledged(play, script):
    app = script.handshake()
    app.close()
    play.run(0.005)
    script.say("FA", 1, 1)
    play.run(1.2)


@scripted("data in the SYN without Fast Open is not taken")
def data_in_syn(play, script):
    play.listen()
    script.say("S", 0, payload=b"early")
    script.say("A", 1, 1)
    script.say("PA", 1, 1, b"early")
    script.say("FA", 6, 1)


@scripted("FIN in the SYN")
def syn_fin_to_listener(play, script):
    play.listen()
    script.say("SF", 0)
    script.say("A", 1, 1)


@scripted("the handshake's ACK carries a FIN")
def handshake_ack_with_fin(play, script):
    play.listen()
    script.say("S", 0)
    script.say("FA", 1, 1)
    app = play.listener.accept()
    play.run(0.02)
    if app:
        app.close()
        play.run(0.02)
        script.say("A", 2, 2)


@scripted("the handshake's ACK carries data and a FIN")
def handshake_ack_with_data_and_fin(play, script):
    play.listen()
    script.say("S", 0)
    script.say("FPA", 1, 1, b"all at once")
    app = play.listener.accept()
    play.run(0.02)
    if app:
        app.recv()
        app.close()
        play.run(0.02)
        script.say("A", 13, 2)


@scripted("the FIN before the data: it is queued")
def fin_first_data_later(play, script):
    script.handshake()
    script.say("FA", 101, 1)
    script.say("PA", 51, 1, b"b" * 50)
    script.say("PA", 1, 1, b"a" * 50)


@scripted("data beyond the FIN is ignored")
def data_after_fin(play, script):
    app = script.handshake()
    script.say("FA", 1, 1)
    script.say("PA", 2, 1, b"late")
    app.close()
    play.run(0.02)
    script.say("A", 2, 2)


@scripted("a second FIN beyond the first")
def second_fin_beyond(play, script):
    script.handshake()
    script.say("FA", 1, 1)
    script.say("FA", 2, 1)


@scripted("a RST in the handshake, then a new SYN")
def rst_in_handshake(play, script):
    play.listen()
    script.say("S", 0)
    script.say("R", 1)
    script.say("S", 100_000)
    script.say("A", 100_001, 1)


@scripted("a wrong ACK in the handshake, then the right one")
def wrong_ack_then_right(play, script):
    play.listen()
    script.say("S", 0)
    script.say("A", 1, 1000)
    script.say("A", 1, 1)


@scripted("the same SYN again in SYN-RECEIVED")
def syn_again(play, script):
    play.listen()
    script.say("S", 0)
    script.say("S", 0)
    script.say("A", 1, 1)


@scripted("another SYN in SYN-RECEIVED (RFC 9293 3.10.7.4)")
def other_syn_in_syn_received(play, script):
    play.listen()
    script.say("S", 0)
    script.say("S", 7000)
    script.say("A", 1, 1)


@scripted("half-acknowledging ACK in FIN-WAIT-1")
def partial_ack_in_fin_wait_1(play, script):
    app = script.handshake()
    app.send(100)
    app.close()
    play.run(0.02)
    script.say("A", 1, 51)
    script.say("A", 1, 101)
    script.say("A", 1, 102)
    script.say("FA", 1, 102)


@scripted("the script's FIN with a partial ACK: CLOSING, then TIME-WAIT")
def fin_with_partial_ack(play, script):
    app = script.handshake()
    app.send(100)
    app.shutdown()
    play.run(0.02)
    script.say("FA", 1, 101)
    script.say("A", 2, 102)


@scripted("TIME-WAIT: the FIN again, data, an ACK, a RST")
def time_wait_visitors(play, script):
    app = script.handshake()
    app.close()
    play.run(0.02)
    script.say("FA", 1, 2)
    script.say("FA", 1, 2)
    script.say("A", 2, 2)
    script.say("PA", 2, 2, b"late")
    script.say("R", 2)
    script.say("A", 2, 2)


@scripted("TIME-WAIT: a SYN above RCV.NXT is taken (RFC 9293 3.10.7.4)")
def time_wait_syn_above(play, script):
    app = script.handshake()
    app.close()
    play.run(0.02)
    script.say("FA", 1, 2)
    script.say("S", 50_000)
    play.run(0.02)
    script.say("A", 50_001, 1)


@scripted("TIME-WAIT: a SYN below RCV.NXT is not taken")
def time_wait_syn_below(play, script):
    app = script.handshake()
    app.close()
    play.run(0.02)
    script.say("FA", 1, 2)
    script.say("S", -50_000)


@scripted("LAST-ACK: wrong and right acknowledgments")
def last_ack_visitors(play, script):
    app = script.handshake()
    script.say("FA", 1, 1)
    app.close()
    play.run(0.02)
    script.say("A", 2, 1)
    script.say("A", 2, 900)
    script.say("A", 2, 2)


@scripted("CLOSE-WAIT: RST one below RCV.NXT also resets on Linux")
def rst_at_fin_in_close_wait(play, script):
    script.handshake()
    script.say("FA", 1, 1)
    script.say("R", 1)


@scripted("RST at the right edge of the SACKed range")
def rst_at_sack_edge(play, script):
    play.listen()
    script.say("S", 0, options=MSS + bytes((1, 1, 4, 2)))
    script.say("A", 1, 1)
    play.listener.accept()
    script.say("PA", 101, 1, b"b" * 50)
    script.say("R", 151)


@scripted("RST at the right edge of the queued range, without SACK")
def rst_at_queue_edge_without_sack(play, script):
    script.handshake()
    script.say("PA", 101, 1, b"b" * 50)
    script.say("R", 151)
    script.say("A", 1, 1)


@scripted("FIN-WAIT-2 of a closed socket: data draws a RST")
def data_in_fin_wait_2(play, script):
    app = script.handshake()
    app.close()
    play.run(0.02)
    script.say("A", 1, 2)
    script.say("PA", 1, 2, b"late")


@scripted("FIN-WAIT-2 of a half-closed socket: data, then FIN with data")
def half_closed_data(play, script):
    app = script.handshake()
    app.shutdown()
    play.run(0.02)
    script.say("A", 1, 2)
    script.say("PA", 1, 2, b"one")
    script.say("FPA", 4, 2, b"two")


@scripted("sequence numbers wrap in the handshake and the close")
def wrap_around(play, script):
    script.iss = 0xFFFFFFFF
    app = script.handshake()
    script.say("PA", 1, 1, b"hello")
    script.say("FA", 6, 1)
    app.close()
    play.run(0.02)
    script.say("A", 7, 2)


@scripted("urgent keep-alive: one byte below RCV.NXT, empty and with garbage")
def keep_alive_probes(play, script):
    app = script.handshake()
    script.say("PA", 1, 1, b"hello")
    script.say("A", 5, 1)
    script.say("A", 5, 1, b"x")
    app.close()
    play.run(0.02)
    script.say("A", 6, 2)


@scripted("the socket connects: SYN/ACK, close")
def connect_normal(play, script):
    app = script.expect_connect()
    script.say("SA", 0, 1)
    app.close()
    play.run(0.02)
    script.say("FA", 1, 2)


@scripted("the socket connects: a wrong SYN/ACK draws a RST, the right one follows (RFC 9293 figure 8)")
def connect_wrong_syn_ack(play, script):
    script.expect_connect()
    script.say("SA", 5000, 777)
    script.say("SA", 0, 1)


@scripted("the socket connects: a plain SYN makes it a simultaneous open")
def connect_crossing_syn(play, script):
    script.expect_connect()
    script.say("S", 0)
    script.say("SA", 0, 1)
    script.say("A", 1, 1)


@scripted("the socket connects: split handshake, ACK, SYN, ACK")
def connect_split_handshake(play, script):
    script.expect_connect()
    script.say("A", 0, 1)
    script.say("S", 0)
    script.say("A", 1, 1)


@scripted("the socket connects: a RST without ACK is ignored, a RST with the right ACK refuses")
def connect_refused_twice(play, script):
    script.expect_connect()
    script.say("R", 0)
    script.say("RA", 0, 500)
    script.say("RA", 0, 1)


@scripted("the socket connects: SYN, FIN and ACK together")
def connect_syn_fin_ack(play, script):
    script.expect_connect()
    script.say("SFA", 0, 1)
    script.say("A", 2, 1)


@scripted("the socket connects: the SYN/ACK carries data and FIN")
def connect_syn_ack_data_fin(play, script):
    script.expect_connect()
    script.say("SFPA", 0, 1, b"data")
    script.say("A", 6, 1)


@scripted("an ICMP port unreachable ends SYN-SENT", variants=("v4", "v6"))
def connect_icmp(play, script):
    script.expect_connect()
    quoted = next(s.raw for s in play.segments if s.side == "B")
    play.inject("B", pkt.icmp_unreachable(script.end.local[0], quoted, 4 if play.family == 6 else 3))
    play.run(0.05)
    script.say("SA", 0, 1)


@scripted("an ICMP error in ESTABLISHED changes nothing (RFC 5461)")
def icmp_in_established(play, script):
    app = script.handshake()
    app.send(50)
    play.run(0.02)
    quoted = [s.raw for s in play.segments if s.side == "B"][-1]
    play.inject("B", pkt.icmp_unreachable(script.end.local[0], quoted, 3))
    play.run(0.02)
    script.say("A", 1, 51)
    script.say("FA", 1, 51)
