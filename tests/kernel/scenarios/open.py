"""Every way to open, and the ways in which opening fails."""

import socket

from kerneltruth import packet as pkt
from kerneltruth.apps import wants
from kerneltruth.catalogue import scenario

TCP = socket.IPPROTO_TCP
SHORT = ("v4", "plain")
FAST_OPEN = {"tcp_fastopen": 0x207}
SERVER_FAST_OPEN = ((TCP, socket.TCP_FASTOPEN, 16),)


def finish(play, client, server):
    play.exchange(client, server)
    client.close()
    play.quiet()
    server.close()
    play.quiet()


@scenario("ordinary", "the SYN meets a closed port", variants=("v4", "v6", "plain"))
def refused(play):
    client = play.connect()
    play.quiet()
    client.close()


@scenario("ordinary", "refused twice, then a listener is there")
def refused_then_accepted(play):
    for _ in range(2):
        client = play.connect(local_port=40100)
        play.quiet()
        client.close()
    client, server = play.open(local_port=40100)
    finish(play, client, server)


@scenario("ordinary", "nobody answers the SYN, the client gives up", sysctls={"tcp_syn_retries": 2},
          variants=("v4", "v6"))
def syn_times_out(play):
    play.listen()
    play.lose("A", "S", times=99)
    client = play.connect()
    play.run(6, lambda: client.state != "SYN-SENT" and bool(play.flush() or True))
    play.run(5.5)


@scenario("ordinary", "every SYN/ACK is lost, both give up",
          sysctls={"tcp_syn_retries": 1, "tcp_synack_retries": 1})
def synack_times_out(play):
    play.listen()
    play.lose("B", "SA", times=99)
    play.connect()
    play.run(5.5)


@scenario("ordinary", "the client gives up, its host answers the late SYN/ACK with a RST")
def connect_cancelled(play):
    play.listen()
    play.rule(wants("B", "SA"), delay=0.05)
    client = play.connect()
    play.run(0.02)
    client.close()
    play.run(0.1)


@scenario("ordinary", "a firewall answers the SYN with an ICMP error", variants=("v4", "v6"))
def icmp_unreachable_on_syn(play):
    play.rule(wants("A", "S"), times=9, drop="after")
    client = play.connect()
    play.run(0.01)
    quoted = play.segments[0].raw
    play.inject("A", pkt.icmp_unreachable(play.address("B"), quoted, 4 if play.family == 6 else 3))
    play.run(0.3)
    client.close()
    play.run(1.2)


@scenario("ordinary", "both connect to each other at once (RFC 9293 figure 7)",
          variants=("v4", "v6", "plain", "nots", "near-a"))
def simultaneous_open(play):
    one = play.connect("A", 5001, 5002)
    two = play.connect("B", 5002, 5001)
    play.quiet()
    play.exchange(one, two)
    one.close()
    play.quiet()
    two.close()
    play.quiet()


@scenario("ordinary", "simultaneous open, then simultaneous close", variants=SHORT)
def simultaneous_open_and_close(play):
    one = play.connect("A", 5001, 5002)
    two = play.connect("B", 5002, 5001)
    play.quiet()
    play.exchange(one, two)
    one.close()
    two.close()
    play.quiet()


@scenario("ordinary", "simultaneous open, one SYN is lost and repeated")
def simultaneous_open_syn_lost(play):
    play.lose("A", "S")
    one = play.connect("A", 5001, 5002)
    two = play.connect("B", 5002, 5001)
    play.run(1.4)
    play.exchange(one, two)


@scenario("ordinary", "simultaneous open, one SYN/ACK is lost")
def simultaneous_open_synack_lost(play):
    play.lose("A", "SA")
    one = play.connect("A", 5001, 5002)
    two = play.connect("B", 5002, 5001)
    play.run(1.4)
    play.exchange(one, two)


@scenario("ordinary", "simultaneous open, one end aborts")
def simultaneous_open_aborted(play):
    one = play.connect("A", 5001, 5002)
    play.connect("B", 5002, 5001)
    play.quiet()
    one.abort()
    play.quiet()


@scenario("ordinary", "a socket connects to itself's peer late: the SYN crosses nothing", legs=(0.004, 0.001))
def open_slow_client_leg(play):
    client, server = play.open()
    finish(play, client, server)


@scenario("ordinary", "the accept queue is full: handshake ACKs are ignored until a place is free", variants=SHORT)
def accept_queue_full(play):
    play.listen(backlog=0)
    first = play.connect()
    play.quiet()
    second = play.connect()
    play.quiet()
    second.send(100)
    play.run(1.5)
    play.listener.accept()
    play.run(2.2)
    server = play.listener.accept()
    play.quiet()
    if server:
        server.recv()
        server.close()
    play.quiet()
    second.close()
    first.close()
    play.quiet()


@scenario("ordinary", "the accept queue stays full, the client closes unaccepted", sysctls={"tcp_synack_retries": 1})
def accept_queue_full_client_closes(play):
    play.listen(backlog=0)
    play.connect()
    play.quiet()
    second = play.connect()
    play.quiet()
    second.close()
    play.run(2.5)


@scenario("ordinary", "the accept queue is full and the server resets", sysctls={"tcp_abort_on_overflow": 1})
def accept_queue_full_abort(play):
    play.listen(backlog=0)
    play.connect()
    play.quiet()
    second = play.connect()
    play.quiet()
    second.send(10)
    play.quiet()


@scenario("ordinary", "a second SYN finds no place at all and is dropped")
def syn_queue_full(play):
    play.listen(backlog=0)
    for _ in range(4):
        play.connect()
        play.run(0.02)
    play.run(2.5)


@scenario("ordinary", "deferred accept: the bare handshake ACK is not taken, data completes it", variants=SHORT)
def deferred_accept_with_data(play):
    play.listen(options=((TCP, socket.TCP_DEFER_ACCEPT, 3),))
    client = play.connect()
    play.run(0.1)
    client.send(100)
    server = play.accept()
    play.quiet()
    server.recv()
    client.close()
    play.quiet()
    server.close()
    play.quiet()


@scenario("ordinary", "deferred accept: no data comes, the SYN/ACK is repeated")
def deferred_accept_without_data(play):
    play.listen(options=((TCP, socket.TCP_DEFER_ACCEPT, 1),))
    client = play.connect()
    play.run(3.5)
    client.send(50)
    play.run(0.3)


@scenario("ordinary", "deferred accept: the client closes without data")
def deferred_accept_closed(play):
    play.listen(options=((TCP, socket.TCP_DEFER_ACCEPT, 2),))
    client = play.connect()
    play.run(0.1)
    client.close()
    play.run(1.5)


@scenario("ordinary", "every SYN is answered with a cookie, no socket until the ACK", sysctls={"tcp_syncookies": 2},
          variants=("v4", "v6", "nots"))
def syn_cookie(play):
    client, server = play.open()
    finish(play, client, server)


@scenario("ordinary", "the ACK of a cookie is lost, data completes the handshake", sysctls={"tcp_syncookies": 2})
def syn_cookie_ack_lost(play):
    play.listen()
    play.lose("A", "A")
    client = play.connect()
    play.quiet()
    client.send(20)
    server = play.accept()
    play.quiet()
    server.close()
    play.quiet()
    client.close()
    play.quiet()


@scenario("ordinary", "the SYN/ACK with a cookie is lost", sysctls={"tcp_syncookies": 2})
def syn_cookie_lost(play):
    play.listen()
    play.lose("B", "SA")
    client = play.connect()
    server = play.accept()
    finish(play, client, server)


def fast_open_pair(play, data=b"first"):
    client = play.connect(data=data)
    server = play.accept()
    play.quiet()
    return client, server


@scenario("ordinary", "Fast Open: the first connection asks for a cookie, the second sends data in its SYN",
          sysctls=FAST_OPEN, variants=("v4", "v6", "plain"))
def fast_open(play):
    play.listen(options=SERVER_FAST_OPEN)
    finish(play, *fast_open_pair(play))
    finish(play, *fast_open_pair(play))


@scenario("ordinary", "Fast Open without a cookie", sysctls={"tcp_fastopen": 0x607}, variants=SHORT)
def fast_open_no_cookie(play):
    play.hosts["A"].sysctl("tcp_fastopen", 0x5)
    play.listen(options=SERVER_FAST_OPEN)
    finish(play, *fast_open_pair(play))


@scenario("ordinary", "Fast Open: the server answers from SYN-RECEIVED before the third ACK", sysctls={"tcp_fastopen": 0x607})
def fast_open_server_answers(play):
    play.hosts["A"].sysctl("tcp_fastopen", 0x5)
    play.listen(options=SERVER_FAST_OPEN)
    play.rule(wants("A", "A"), times=1, delay=0.05)
    client = play.connect(data=b"request")
    server = play.accept()
    server.recv()
    server.send(2000)
    play.run(0.15)
    finish(play, client, server)


@scenario("ordinary", "Fast Open: the server answers and closes before the third ACK", sysctls={"tcp_fastopen": 0x607})
def fast_open_server_closes(play):
    play.hosts["A"].sysctl("tcp_fastopen", 0x5)
    play.listen(options=SERVER_FAST_OPEN)
    play.rule(wants("A", "A"), times=1, delay=0.05)
    client = play.connect(data=b"request")
    server = play.accept()
    server.recv()
    server.send(200)
    server.close()
    play.run(0.15)
    client.recv()
    client.close()
    play.quiet()


@scenario("ordinary", "Fast Open: the SYN with data is lost, the repeated one carries none",
          sysctls={"tcp_fastopen": 0x607})
def fast_open_syn_lost(play):
    play.hosts["A"].sysctl("tcp_fastopen", 0x5)
    play.listen(options=SERVER_FAST_OPEN)
    play.lose("A", "S")
    finish(play, *fast_open_pair(play))


@scenario("ordinary", "Fast Open: the SYN/ACK is lost", sysctls={"tcp_fastopen": 0x607})
def fast_open_synack_lost(play):
    play.hosts["A"].sysctl("tcp_fastopen", 0x5)
    play.listen(options=SERVER_FAST_OPEN)
    play.lose("B", "SA")
    client = play.connect(data=b"request")
    server = play.accept()
    play.run(1.3)
    finish(play, client, server)


@scenario("ordinary", "Fast Open asked for, the server does not know it", sysctls={"tcp_fastopen": 0x5})
def fast_open_not_supported(play):
    play.listen()
    finish(play, *fast_open_pair(play))


@scenario("ordinary", "the TIME-WAIT of the client's port is reused by a new SYN", variants=("v4", "v6"))
def time_wait_reuse(play):
    client, server = play.open(local_port=40200)
    play.exchange(client, server)
    server.close()
    play.quiet()
    client.close()
    play.run(1.1)
    client, server = play.open(local_port=40200)
    finish(play, client, server)


@scenario("ordinary", "the client itself reconnects out of TIME-WAIT",
          sysctls={"tcp_tw_reuse": 1, "tcp_tw_reuse_delay": 50})
def time_wait_reconnect(play):
    client, server = play.open(local_port=40200)
    finish(play, client, server)
    play.run(1.1)
    client, server = play.open(local_port=40200)
    finish(play, client, server)


@scenario("ordinary", "the same port again after both ends are closed by a RST")
def port_reuse_after_reset(play):
    for _ in range(2):
        client, server = play.open(local_port=40300)
        play.exchange(client, server)
        client.abort()
        play.quiet()
        server.close()


@scenario("ordinary", "a new SYN meets TIME-WAIT without timestamps", sysctls={"tcp_timestamps": 0})
def time_wait_reuse_without_timestamps(play):
    client, server = play.open(local_port=40200)
    play.exchange(client, server)
    server.close()
    play.quiet()
    client.close()
    play.run(0.3)
    again = play.connect(local_port=40200)
    play.run(1.5)
    again.abort()
    play.quiet()


@scenario("ordinary", "the listener closes while a connection waits to be accepted")
def listener_closes_unaccepted(play):
    play.listen()
    client = play.connect()
    play.quiet()
    play.listener.close()
    play.quiet()
    client.close()


@scenario("ordinary", "the listener closes while the handshake is half done")
def listener_closes_in_handshake(play):
    play.listen()
    play.lose("B", "SA")
    client = play.connect()
    play.run(0.02)
    play.listener.close()
    play.run(1.3)
    client.close()


@scenario("ordinary", "data with the handshake's ACK still missing", legs=(0.003, 0.003))
def data_before_handshake_ack(play):
    play.listen()
    play.rule(wants("A", "A"), delay=0.03)
    client = play.connect()
    play.run(0.5, lambda: client.state == "ESTABLISHED")
    client.send(300)
    server = play.accept()
    play.quiet()
    finish(play, client, server)


def two_for_one_place(play):
    """Two clients whose handshakes end together, when the accept queue has one place left."""
    play.listen(backlog=2)
    others = [play.connect(), play.connect()]
    play.quiet()
    play.rule(wants("A", "A"), times=2, delay=0.02)
    first, second = play.connect(), play.connect()
    play.run(0.1)
    return others + [first], second


@scenario("ordinary", "two handshakes at once for one place in the accept queue: the second ACK is ignored",
          variants=("v4", "v6", "plain"), sysctls={"tcp_syncookies": 0})
def accept_queue_full_at_ack(play):
    others, second = two_for_one_place(play)
    second.send(100)
    play.run(1.3)
    accepted = [play.listener.accept(), play.listener.accept()]
    play.run(2.5)
    accepted += [play.listener.accept(), play.listener.accept()]
    play.quiet()
    for app in accepted + others + [second]:
        if app:
            app.recv()
            app.close()
            play.quiet(0.02)
    play.quiet()


@scenario("ordinary", "no place in the accept queue: the client sends nothing, the SYN/ACK is repeated",
          sysctls={"tcp_synack_retries": 2, "tcp_syncookies": 0})
def accept_queue_full_at_ack_silent(play):
    two_for_one_place(play)
    play.run(3.5)


@scenario("ordinary", "no place in the accept queue: the client sends and closes, then there is one",
          sysctls={"tcp_syncookies": 0})
def accept_queue_full_at_ack_fin(play):
    _, second = two_for_one_place(play)
    second.send(100)
    second.close()
    play.run(0.5)
    play.listener.accept()
    play.run(3)


@scenario("ordinary", "no place in the accept queue: the client aborts", sysctls={"tcp_syncookies": 0})
def accept_queue_full_at_ack_abort(play):
    _, second = two_for_one_place(play)
    play.run(0.3)
    second.abort()
    play.run(1)


@scenario("ordinary", "two handshakes at once for one place, and SYN cookies")
def accept_queue_full_with_cookie(play):
    play.listen(backlog=0)
    play.rule(wants("A", "A"), times=2, delay=0.02)
    play.connect()
    second = play.connect()
    play.run(0.1)
    second.send(100)
    play.run(1.3)
    play.listener.accept()
    play.run(2.5)
