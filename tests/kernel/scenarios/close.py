"""Every way to close: who first, in how many segments, at once, halfway."""

import socket

from kerneltruth.catalogue import scenario

ALL = ("v4", "v6", "plain", "nots", "nosack", "near-a", "near-b")


@scenario("ordinary", "the client closes first, four segments (RFC 9293 figure 12)", variants=ALL)
def close_client_first(play):
    client, server = play.open()
    play.exchange(client, server)
    client.close()
    play.quiet()
    server.close()
    play.quiet()


@scenario("ordinary", "the server closes first, four segments", variants=ALL)
def close_server_first(play):
    client, server = play.open()
    play.exchange(client, server)
    server.close()
    play.quiet()
    client.close()
    play.quiet()


@scenario("ordinary", "the server's FIN acknowledges the client's: three segments", variants=("v4", "v6", "plain"))
def close_three_segments_client_first(play):
    client, server = play.open()
    play.exchange(client, server)
    # Held back until the server has been told to close: the FIN then goes out with the ACK of the peer's.
    client.send(10)
    client.shutdown()
    hold_ack_until_close(play, server)
    client.recv()
    play.quiet()


def hold_ack_until_close(play, app):
    play.run(0.5, lambda: app.state == "CLOSE-WAIT")
    app.recv()
    app.close()


@scenario("ordinary", "the ACK of the first FIN is lost, the second FIN covers it: three segments captured",
          variants=("v4", "plain"))
def close_three_segments_ack_lost(play):
    client, server = play.open()
    play.lose("B", "A", skip=0, where="before")
    client.close()
    play.run(0.02)
    server.close()
    play.quiet()


@scenario("ordinary", "both close at once (RFC 9293 figure 13)", variants=ALL)
def close_simultaneous(play):
    client, server = play.open()
    play.exchange(client, server)
    client.close()
    server.close()
    play.quiet()


@scenario("ordinary", "both close at once, with data in the FINs", variants=("v4", "v6", "plain"))
def close_simultaneous_with_data(play):
    client, server = play.open()
    for app in (client, server):
        app.option(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
        app.send(50)
    client.shutdown()
    server.shutdown()
    play.quiet()
    client.recv()
    server.recv()


@scenario("ordinary", "the client half-closes and the server goes on sending", variants=("v4", "v6", "plain"))
def half_close_client(play):
    client, server = play.open()
    client.shutdown()
    play.quiet()
    for _ in range(3):
        server.send(500)
        play.quiet()
        client.recv()
    server.close()
    play.quiet()


@scenario("ordinary", "the server half-closes and the client goes on sending", variants=("v4", "v6", "plain"))
def half_close_server(play):
    client, server = play.open()
    server.shutdown()
    play.quiet()
    for _ in range(3):
        client.send(500)
        play.quiet()
        server.recv()
    client.close()
    play.quiet()


@scenario("ordinary", "the FIN carries the last data", variants=("v4", "v6", "plain"))
def close_with_data_in_fin(play):
    client, server = play.open()
    client.option(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
    client.send(700)
    client.shutdown()
    play.quiet()
    server.recv()
    server.close()
    play.quiet()


@scenario("ordinary", "close() with much unsent data: the FIN waits for it", variants=("v4", "v6", "plain"))
def close_with_queue(play):
    client, server = play.open()
    client.send(60000)
    client.close()
    for _ in range(10):
        play.run(0.02)
        server.recv()
    server.close()
    play.quiet()


@scenario("ordinary", "both close with unsent data: each FIN waits", variants=("v4", "plain"))
def close_both_with_queue(play):
    client, server = play.open()
    client.send(60000)
    server.send(60000)
    client.shutdown()
    server.shutdown()
    for _ in range(10):
        play.run(0.02)
        server.recv()
        client.recv()
    play.quiet()


@scenario("ordinary", "nothing was ever sent, only handshake and close", variants=("v4", "v6", "plain"))
def close_empty(play):
    client, server = play.open()
    client.close()
    play.quiet()
    server.close()
    play.quiet()


@scenario("ordinary", "the client closes as soon as it is connected", variants=("v4", "plain"))
def close_at_once(play):
    play.listen()
    client = play.connect()
    play.run(1, lambda: client.state == "ESTABLISHED")
    client.close()
    server = play.accept()
    play.quiet()
    server.close()
    play.quiet()


@scenario("ordinary", "connections one after the other on other ports")
def close_three_times(play):
    for _ in range(3):
        client, server = play.open()
        play.exchange(client, server)
        client.close()
        play.quiet()
        server.close()
        play.quiet()


@scenario("ordinary", "the connection is never closed within the capture", variants=("v4", "v6", "plain"))
def never_closed(play):
    client, server = play.open()
    for _ in range(3):
        play.exchange(client, server)
