"""Every way to end with a RST, to die silently, and to recover from a half-open connection."""

import socket

from kerneltruth.apps import wants
from kerneltruth.catalogue import scenario

RTO = {"tcp_rto_min_us": 100000}
SHORT = ("v4", "v6", "plain")
KEEP_ALIVE = ((socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1), (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 1),
              (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1), (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 2))


def abort_by(side):
    @scenario("ordinary", f"the {side} aborts (SO_LINGER 0)", name=f"abort_{side}", variants=SHORT)
    def abort(play):
        client, server = play.open()
        play.exchange(client, server)
        one, two = (client, server) if side == "client" else (server, client)
        one.abort()
        play.quiet()
        two.close()
        play.quiet()

    @scenario("ordinary", f"the {side} closes with unread data", name=f"close_unread_{side}", variants=SHORT)
    def close_unread(play):
        client, server = play.open()
        one, two = (client, server) if side == "client" else (server, client)
        two.send(500)
        play.quiet()
        one.close()
        play.quiet()
        two.close()

    @scenario("ordinary", f"the {side} closes, then data arrives", name=f"data_after_close_{side}", variants=SHORT)
    def data_after_close(play):
        client, server = play.open()
        one, two = (client, server) if side == "client" else (server, client)
        one.close()
        play.quiet()
        two.send(400)
        play.quiet()
        two.close()
        play.quiet()

    @scenario("ordinary", f"the {side} closes while a burst of data is under way to it",
              name=f"burst_after_close_{side}", legs=(0.004, 0.004), variants=("v4", "plain"))
    def burst_after_close(play):
        client, server = play.open()
        one, two = (client, server) if side == "client" else (server, client)
        two.send(8000)
        one.close()
        play.quiet(0.2)

    @scenario("ordinary", f"the {side}'s connection is killed by its administrator", name=f"kill_{side}",
              variants=("v4", "v6"))
    def kill(play):
        client, server = play.open()
        play.exchange(client, server)
        one, two = (client, server) if side == "client" else (server, client)
        one.kill()
        play.quiet()
        two.close()

    @scenario("ordinary", f"the {side} aborts after the other's FIN", name=f"abort_in_close_wait_{side}")
    def abort_in_close_wait(play):
        client, server = play.open()
        one, two = (client, server) if side == "client" else (server, client)
        two.close()
        play.quiet()
        one.abort()
        play.quiet()

    @scenario("ordinary", f"the {side} half-closes, then aborts", name=f"abort_in_fin_wait_{side}")
    def abort_in_fin_wait(play):
        client, server = play.open()
        one, two = (client, server) if side == "client" else (server, client)
        one.shutdown()
        play.quiet()
        one.abort()
        play.quiet()
        two.close()

    @scenario("ordinary", f"the {side} aborts with much unsent data", name=f"abort_with_queue_{side}",
              legs=(0.003, 0.003))
    def abort_with_queue(play):
        client, server = play.open()
        one, two = (client, server) if side == "client" else (server, client)
        one.send(100000)
        play.run(0.008)
        one.abort()
        play.quiet(0.15)
        two.close()

    @scenario("ordinary", f"the {side} crashes; the other's data draws a RST", name=f"crash_{side}",
              variants=("v4", "v6", "plain"))
    def crash(play):
        client, server = play.open()
        play.exchange(client, server)
        one, two = (client, server) if side == "client" else (server, client)
        one.vanish()
        play.quiet()
        two.send(100)
        play.quiet()

    @scenario("ordinary", f"the {side} crashes; the other's FIN draws a RST", name=f"crash_then_fin_{side}")
    def crash_then_fin(play):
        client, server = play.open()
        play.exchange(client, server)
        one, two = (client, server) if side == "client" else (server, client)
        one.vanish()
        play.quiet()
        two.close()
        play.quiet()

    @scenario("ordinary", f"the {side} crashes while data is under way to it", name=f"crash_under_load_{side}",
              legs=(0.004, 0.004))
    def crash_under_load(play):
        client, server = play.open()
        one, two = (client, server) if side == "client" else (server, client)
        two.send(12000)
        play.run(0.002)
        one.vanish()
        play.quiet(0.2)

    @scenario("ordinary", f"the {side} is idle and the other's keep-alive probes are answered",
              name=f"keep_alive_answered_{side}")
    def keep_alive_answered(play):
        options = KEEP_ALIVE
        client, server = play.open(listen_options=options if side == "client" else (),
                                   connect_options=options if side == "server" else ())
        play.exchange(client, server)
        play.run(2.4)
        client.close()
        play.quiet()
        server.close()
        play.quiet()

    @scenario("ordinary", f"the {side} crashed: the other's keep-alive probe draws a RST", name=f"keep_alive_crash_{side}")
    def keep_alive_crash(play):
        options = KEEP_ALIVE
        client, server = play.open(listen_options=options if side == "client" else (),
                                   connect_options=options if side == "server" else ())
        play.exchange(client, server)
        (client if side == "client" else server).vanish()
        play.run(1.5)

    @scenario("ordinary", f"the path to the {side} is dead: keep-alive gives up", name=f"keep_alive_timeout_{side}")
    def keep_alive_timeout(play):
        options = KEEP_ALIVE
        client, server = play.open(listen_options=options if side == "client" else (),
                                   connect_options=options if side == "server" else ())
        play.exchange(client, server)
        play.rule(lambda s: s.side == ("A" if side == "server" else "B"), times=99, drop="after")
        play.run(4.2)

    @scenario("ordinary", f"data to the {side} is never acknowledged: the sender gives up", name=f"data_times_out_{side}",
              sysctls={**RTO, "tcp_retries2": 3})
    def data_times_out(play):
        client, server = play.open()
        one, two = (client, server) if side == "client" else (server, client)
        play.rule(lambda s: s.side == two.side, times=99, drop="after")
        two.send(100)
        play.run(3)
        one.send(10)
        play.run(0.3)


abort_by("client")
abort_by("server")


@scenario("ordinary", "FIN-WAIT-2 of a closed socket evaporates; the peer's FIN then draws a RST",
          sysctls={"tcp_fin_timeout": 1}, variants=("v4", "plain"))
def fin_wait_2_times_out(play):
    client, server = play.open()
    client.close()
    play.run(2.3)
    server.close()
    play.quiet()


@scenario("ordinary", "FIN-WAIT-2 of a half-closed socket stays", sysctls={"tcp_fin_timeout": 1})
def fin_wait_2_stays(play):
    client, server = play.open()
    client.shutdown()
    play.run(2.3)
    server.send(100)
    play.quiet()
    server.close()
    play.quiet()


@scenario("ordinary", "the FIN is never acknowledged: FIN-WAIT-1 gives up", sysctls={**RTO, "tcp_orphan_retries": 2})
def fin_wait_1_times_out(play):
    client, server = play.open()
    play.exchange(client, server)
    play.rule(lambda s: s.side == "A", times=99, drop="after")
    client.close()
    play.run(2.5)


def half_open(name, about, side_gone):
    @scenario("ordinary", about, name=name, variants=("v4", "v6", "plain"))
    def recover(play):
        client, server = play.open(local_port=40400)
        play.exchange(client, server)
        if side_gone == "client":
            client.vanish()
        else:
            server.vanish()
        play.quiet()
        if side_gone == "client":
            again = play.connect(local_port=40400)
            play.run(2.5)
            fresh = play.listener.accept()
            if fresh:
                play.exchange(again, fresh)
                again.close()
                play.quiet()
                fresh.close()
                play.quiet()
        else:
            client.send(100)
            play.quiet()


half_open("half_open_client_returns", "the client crashed and connects again from the same port: SYN at ESTABLISHED, "
          "challenge ACK, RST, SYN again (RFC 9293 figure 9)", "client")
half_open("half_open_server_gone", "the server crashed, the client's data finds nobody (RFC 9293 figure 10)", "server")


@scenario("ordinary", "half-open: the RST that answers the challenge ACK is lost once")
def half_open_reset_lost(play):
    client, server = play.open(local_port=40400)
    play.exchange(client, server)
    client.vanish()
    play.quiet()
    play.lose("A", "R")
    again = play.connect(local_port=40400)
    play.run(3.4)
    again.abort()
    play.quiet()


@scenario("ordinary", "the client crashes in the handshake: the SYN/ACK draws a RST")
def crash_in_syn_sent(play):
    play.listen()
    client = play.connect()
    client.vanish()
    play.quiet()


@scenario("ordinary", "the client aborts in SYN-RECEIVED of the server: the ACK was lost, the RST arrives")
def abort_in_syn_received(play):
    play.listen()
    play.lose("A", "A")
    client = play.connect()
    play.run(0.02)
    client.abort()
    play.quiet()


@scenario("ordinary", "two resets cross", legs=(0.003, 0.003))
def resets_cross(play):
    client, server = play.open()
    play.exchange(client, server)
    client.abort()
    server.abort()
    play.quiet()


@scenario("ordinary", "a RST crosses data", legs=(0.003, 0.003), variants=("v4", "plain"))
def reset_crosses_data(play):
    client, server = play.open()
    play.exchange(client, server)
    client.abort()
    server.send(3000)
    play.quiet()


@scenario("ordinary", "a RST crosses a FIN", legs=(0.003, 0.003), variants=("v4", "plain"))
def reset_crosses_fin(play):
    client, server = play.open()
    play.exchange(client, server)
    client.abort()
    server.close()
    play.quiet()


@scenario("ordinary", "the RST is overtaken by older data of its sender")
def reset_overtakes_data(play):
    client, server = play.open()
    play.rule(lambda s: s.side == "A" and s.tcp.length > 0, delay=0.02)
    client.send(500)
    client.abort()
    play.run(0.1)
    server.send(10)
    play.quiet()


@scenario("ordinary", "the window is zero for a while, then the connection closes", variants=("v4", "plain"))
def zero_window(play):
    client, server = play.open(listen_options=((socket.SOL_SOCKET, socket.SO_RCVBUF, 4096),))
    client.send(20000)
    client.shutdown()
    play.run(0.8)
    for _ in range(12):
        server.recv()
        play.run(0.1)
    server.close()
    play.quiet()


@scenario("ordinary", "close() against a zero window: the FIN waits for the peer to read")
def zero_window_close(play):
    client, server = play.open(listen_options=((socket.SOL_SOCKET, socket.SO_RCVBUF, 4096),))
    client.send(20000)
    client.close()
    play.run(0.8)
    server.close()
    play.run(0.3)


@scenario("ordinary", "the server's RST is lost beyond the capture point in the handshake (refused)",
          sysctls={"tcp_syn_retries": 2})
def lost_refusal(play):
    play.rule(wants("B", "RA"), drop="after")
    play.connect()
    play.run(1.4)
