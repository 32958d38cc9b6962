"""Segments that nobody sent: in and out of the window, old timestamps, bad checksums.

A forged segment goes towards one end; what the true ends then say to each other is real.
"""

import struct

from kerneltruth import packet as pkt
from kerneltruth.apps import wants
from kerneltruth.catalogue import scenario

MD5_OPTION = struct.pack("!BB", pkt.OPTION_MD5, 18) + bytes(16)


def forgery(name, about, act, variants=("v4",), at="ESTABLISHED", towards="server", **arguments):
    """A connection that is brought into a state, then `act(play, nominal sender)` forges, then it lives on and closes."""
    @scenario("forged", about, name=name, variants=variants, **arguments)
    def run(play):
        client, server = play.open()
        play.exchange(client, server)
        sender, victim = (client, server) if towards == "server" else (server, client)
        prepare(play, sender, victim, at)
        act(play, sender)
        play.quiet()
        act_again = victim.state
        if act_again:
            carry_on(play, sender, victim, at)
    return run


def prepare(play, sender, victim, state):
    if state == "CLOSE-WAIT":
        sender.shutdown()
    elif state == "FIN-WAIT-2":
        victim.shutdown()
    elif state == "TIME-WAIT":
        victim.close()
        play.quiet()
        sender.close()
    elif state == "FIN-WAIT-1":
        play.lose(sender.side, "A", times=2)
        victim.shutdown()
        play.run(0.02)
        return
    elif state == "LAST-ACK":
        sender.shutdown()
        play.quiet()
        play.lose(sender.side, "A", times=2)
        victim.shutdown()
        play.run(0.02)
        return
    play.quiet()


def carry_on(play, sender, victim, state):
    if state == "ESTABLISHED":
        play.exchange(sender, victim)
        sender.close()
        play.quiet()
        victim.close()
    elif state == "CLOSE-WAIT":
        victim.send(200)
        play.quiet()
        victim.close()
    elif state == "FIN-WAIT-2":
        sender.send(200)
        play.quiet()
        sender.close()
    play.quiet(0.3)


def forge(flags, **how):
    return lambda play, sender: play.forge(sender, flags, **how)


# name, about, flags, how: each is played towards both ends.
INTO_ESTABLISHED = [
    ("rst_exact", "a RST exactly at RCV.NXT", "R", {}),
    ("rst_ack_exact", "a RST with ACK exactly at RCV.NXT", "RA", {}),
    ("rst_in_window", "a RST in the window, not at RCV.NXT (RFC 5961 3.2)", "R", {"seq": 1000}),
    ("rst_one_below", "a RST one below RCV.NXT", "R", {"seq": -1}),
    ("rst_below", "a RST far below the window", "R", {"seq": -100000}),
    ("rst_above", "a RST above the window", "R", {"seq": 1 << 28}),
    ("rst_bad_checksum", "a RST at RCV.NXT with a bad checksum", "R", {"bad_checksum": True}),
    ("rst_old_timestamp", "a RST at RCV.NXT with an old timestamp", "R", {"tsval": -100000}),
    ("syn_in_window", "a SYN in the window (RFC 5961 4)", "S", {"seq": 500}),
    ("syn_exact", "a SYN at RCV.NXT", "S", {}),
    ("syn_below", "a SYN below the window", "S", {"seq": -500000}),
    ("syn_above", "a SYN above the window", "S", {"seq": 1 << 29}),
    ("syn_ack_in_window", "a SYN/ACK in the window", "SA", {"seq": 100}),
    ("syn_ack_far", "a SYN/ACK far from the window", "SA", {"seq": 1 << 29}),
    ("fin_exact", "a FIN at RCV.NXT", "FA", {}),
    ("fin_in_window", "a FIN in the window behind a hole", "FA", {"seq": 500}),
    ("fin_below", "a FIN below the window", "FA", {"seq": -5000}),
    ("fin_above", "a FIN above the window", "FA", {"seq": 1 << 28}),
    ("fin_without_ack", "a FIN without ACK", "F", {}),
    ("fin_old_timestamp", "a FIN with an old timestamp (PAWS)", "FA", {"tsval": -100000}),
    ("fin_future_ack", "a FIN that acknowledges what was never sent", "FA", {"ack": 100000}),
    ("fin_old_ack", "a FIN with a very old acknowledgment (RFC 5961 5)", "FA", {"ack": -(1 << 28)}),
    ("fin_bad_checksum", "a FIN with a bad checksum", "FA", {"bad_checksum": True}),
    ("fin_no_timestamp", "a FIN without the negotiated timestamps", "FA", {"timestamps": False}),
    ("data_exact", "data at RCV.NXT that the sender does not know of", "PA", {"payload": b"evil"}),
    ("data_in_window", "data in the window behind a hole", "PA", {"seq": 100, "payload": b"evil"}),
    ("data_below", "data below the window", "PA", {"seq": -5000, "payload": b"evil"}),
    ("data_above", "data above the window", "PA", {"seq": 1 << 28, "payload": b"evil"}),
    ("data_old_timestamp", "data with an old timestamp (PAWS)", "PA", {"tsval": -100000, "payload": b"evil"}),
    ("data_bad_checksum", "data with a bad checksum", "PA", {"payload": b"evil", "bad_checksum": True}),
    ("data_without_ack", "data without ACK", "P", {"payload": b"evil"}),
    ("data_future_ack", "data that acknowledges what was never sent", "PA", {"ack": 50000, "payload": b"evil"}),
    ("ack_future", "an ACK of what was never sent", "A", {"ack": 100000}),
    ("ack_very_old", "a very old ACK", "A", {"ack": -(1 << 28)}),
    ("no_flags", "a segment without any flag", "", {}),
    ("syn_fin", "SYN and FIN together", "SF", {}),
    ("syn_rst", "SYN and RST together", "SR", {}),
    ("fin_rst", "FIN and RST together, in the window", "FRA", {"seq": 300}),
    ("all_flags", "every flag at once", "SFRPA", {"seq": 10}),
    ("md5", "data with a TCP MD5 option that was not agreed", "PA", {"payload": b"evil", "options": MD5_OPTION}),
    ("rst_md5", "a RST at RCV.NXT with a TCP MD5 option", "R", {"options": MD5_OPTION}),
]

for NAME, ABOUT, FLAGS, HOW in INTO_ESTABLISHED:
    for END in ("server", "client"):
        WHICH = ("v4", "plain") if NAME.split("_")[0] in ("rst", "fin") and END == "server" else ("v4",)
        forgery(f"forged_{NAME}_to_{END}", f"{ABOUT}, to the {END}", forge(FLAGS, **HOW), WHICH, towards=END)

INTO_CLOSING = [
    ("rst_exact", "a RST exactly at RCV.NXT", "R", {}),
    ("rst_in_window", "a RST in the window", "R", {"seq": 1000}),
    ("rst_one_below", "a RST one below RCV.NXT", "R", {"seq": -1}),
    ("fin_again", "the FIN or what looks like one", "FA", {}),
    ("syn", "a SYN above everything", "S", {"seq": 100000, "tsval": 10}),
    ("ack_future", "an ACK of what was never sent", "A", {"ack": 70000}),
    ("data", "data", "PA", {"payload": b"evil"}),
]

for STATE in ("CLOSE-WAIT", "FIN-WAIT-1", "FIN-WAIT-2", "LAST-ACK", "TIME-WAIT"):
    for NAME, ABOUT, FLAGS, HOW in INTO_CLOSING:
        forgery(f"forged_{NAME}_in_{STATE.lower().replace('-', '_')}", f"{ABOUT}, into {STATE}", forge(FLAGS, **HOW),
                at=STATE)


def in_handshake(name, about, act, when, **arguments):
    @scenario("forged", about, name=name, **arguments)
    def run(play):
        play.listen()
        if when == "SYN-SENT":
            play.rule(wants("A", "S"), delay=0.03)
        else:
            play.rule(wants("A", "A"), delay=0.03)
        client = play.connect()
        end = (client.endpoint if when == "SYN-SENT" else
               play.endpoint("B", (play.address("B"), play.PORT), client.local))
        play.run(0.5, lambda: end.kernel == when)
        act(play, client, end)
        play.run(0.1)
        server = play.listener.accept()
        if server:
            play.exchange(client, server)
            client.close()
            play.quiet()
            server.close()
        play.quiet(0.2)


def as_server(flags, seq=1 << 20, ack=0, **how):
    """To the client in SYN-SENT: in the server's name, acknowledging the SYN give or take `ack`."""
    def act(play, client, end):
        play.forge(play.peer_of(end), flags, seq_is=seq, ack_is=end.snd_nxt + ack, timestamps=False, **how)
    return act


def as_client(flags, seq=0, ack=0, **how):
    """To the server in SYN-RECEIVED: in the client's name, its SND.NXT, acknowledging the SYN/ACK give or take `ack`."""
    def act(play, client, end):
        play.forge(client, flags, seq=seq, ack_is=end.snd_nxt + ack, timestamps=False, **how)
    return act


for NAME, ABOUT, ACT in (
        ("rst_ack", "a RST that acknowledges the SYN", as_server("RA", 0)),
        ("rst_wrong_ack", "a RST that acknowledges something else", as_server("RA", 0, 77)),
        ("rst_without_ack", "a RST without ACK", as_server("R", 0)),
        ("syn_ack", "a SYN/ACK of a stranger", as_server("SA")),
        ("syn_ack_wrong", "a SYN/ACK that acknowledges something else", as_server("SA", ack=99)),
        ("ack_wrong", "an ACK that acknowledges something else", as_server("A", ack=99)),
        ("ack", "an ACK of the SYN without SYN", as_server("A")),
        ("syn", "a SYN: simultaneous open with a stranger", as_server("S")),
        ("fin", "a FIN", as_server("FA")),
        ("data", "data", as_server("PA", payload=b"early")),
        ("bad_checksum", "a RST with a bad checksum", as_server("RA", 0, bad_checksum=True))):
    in_handshake(f"forged_{NAME}_in_syn_sent", f"{ABOUT}, into SYN-SENT", ACT, "SYN-SENT")

for NAME, ABOUT, ACT in (
        ("rst", "a RST at RCV.NXT", as_client("R")),
        ("rst_in_window", "a RST in the window", as_client("R", 500)),
        ("rst_out", "a RST out of the window", as_client("R", -5000)),
        ("ack_wrong", "an ACK with a wrong number", as_client("A", ack=77)),
        ("ack_right", "the right ACK, without timestamps", as_client("A")),
        ("syn_same", "the same SYN", as_client("S", -1)),
        ("syn_other", "another SYN", as_client("S", 5000)),
        ("fin", "a FIN that completes the handshake", as_client("FA")),
        ("fin_wrong_ack", "a FIN with a wrong ACK", as_client("FA", ack=500)),
        ("data", "data that completes the handshake", as_client("PA", payload=b"early"))):
    in_handshake(f"forged_{NAME}_in_syn_received", f"{ABOUT}, into SYN-RECEIVED", ACT, "SYN-RECEIVED")


@scenario("forged", "segments for a port where nobody listens, and for a listener")
def forged_to_no_connection(play):
    play.listen()
    for port in (play.PORT, 9):
        for index, flags in enumerate(("A", "FA", "R", "SA", "", "PA", "RA")):
            end = play.endpoint("A", (play.address("A"), 41000 + index), (play.address("B"), port))
            play.forge(end, flags, seq_is=1000, ack_is=2000)
            play.run(0.01)
    play.quiet()


@scenario("forged", "a firewall resets one end; the host behind it stays ESTABLISHED", variants=("v4", "v6", "plain"))
def firewall_resets_client(play):
    client, server = play.open()
    play.exchange(client, server)
    play.forge(server, "R")
    play.quiet()
    client.close()
    server.send(100)
    play.quiet()


@scenario("forged", "a firewall resets both ends", variants=("v4", "v6"))
def firewall_resets_both(play):
    client, server = play.open()
    play.exchange(client, server)
    play.forge(server, "RA")
    play.forge(client, "RA")
    play.quiet()


@scenario("forged", "a firewall resets one end, then drops everything of the other")
def firewall_resets_and_drops(play):
    client, server = play.open()
    play.exchange(client, server)
    play.forge(client, "R")
    play.rule(lambda s: s.side == "A", times=99, drop="after")
    play.quiet()
    client.send(100)
    play.run(0.8)
    client.abort()
    play.quiet()


@scenario("forged", "many RSTs, one of which hits RCV.NXT")
def forged_rst_sweep(play):
    client, server = play.open()
    play.exchange(client, server)
    for step in (9000, 6000, 3000, 1000, 0):
        play.forge(client, "R", seq=step)
        play.run(0.01)
    play.quiet()


@scenario("forged", "forged data desynchronizes both ends: an ACK storm, dampened", variants=("v4", "plain"))
def forged_data_desynchronizes(play):
    client, server = play.open()
    play.exchange(client, server)
    play.forge(client, "PA", payload=b"z" * 50)
    play.quiet()
    server.send(100)
    play.quiet()
    client.send(20)
    play.run(0.5)
    client.close()
    play.run(0.5)
    server.recv()
    server.close()
    play.run(0.5)
