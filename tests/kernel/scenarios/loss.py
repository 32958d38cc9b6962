"""Every control segment lost once, in each direction, before and beyond the capture point."""

from kerneltruth.catalogue import scenario

RTO = {"tcp_rto_min_us": 100000}


def whole_life(play, first="client", wait=1.4):
    """A connection from SYN to TIME-WAIT, with time to repair one loss at each stage."""
    play.listen()
    client = play.connect()
    server = play.accept(5)
    play.run(wait - 1.0)
    play.exchange(client, server)
    one, two = (client, server) if first == "client" else (server, client)
    one.close()
    play.run(0.7)
    two.recv()
    two.close()
    play.run(wait)


# (name, what is lost): side, flags, how many such segments go by first.
LOSSES = {
    "syn": ("A", "S", 0), "syn_ack": ("B", "SA", 0), "handshake_ack": ("A", "A", 0),
    "first_fin": ("A", "FA", 0), "ack_of_first_fin": ("B", "A", 1),
    "second_fin": ("B", "FA", 0), "last_ack": ("A", "A", 2),
}


def define(name, side, letters, skip, where, first, again=1):
    other = {"A": "B", "B": "A"}[side]
    closes = {"client": side, "server": other}
    lost_side = side if name in ("syn", "syn_ack", "handshake_ack") else closes[first]
    if first == "server" and name in ("ack_of_first_fin", "last_ack"):
        # The client's handshake ACK also goes by; the server has acknowledged the request.
        skip = {"ack_of_first_fin": 2, "last_ack": 1}[name]

    @scenario("ordinary", f"{name.replace('_', ' ')} lost {where} the capture point, {first} closes first",
              name=f"lost_{name}_{where}_{first}", sysctls=RTO)
    def lost(play):
        play.lose(lost_side, letters, times=again, skip=skip, where=where, data=False)
        whole_life(play, first)


for NAME, (SIDE, LETTERS, SKIP) in LOSSES.items():
    for WHERE in ("before", "after"):
        define(NAME, SIDE, LETTERS, SKIP, WHERE, "client")
        if NAME not in ("syn", "syn_ack", "handshake_ack"):
            define(NAME, SIDE, LETTERS, SKIP, WHERE, "server")


@scenario("ordinary", "the SYN is lost three times", sysctls=RTO)
def lost_syn_three_times(play):
    play.lose("A", "S", times=3)
    play.listen()
    play.connect()
    play.run(3.4)


@scenario("ordinary", "the SYN/ACK is lost twice", sysctls=RTO)
def lost_syn_ack_twice(play):
    play.lose("B", "SA", times=2)
    whole_life(play)


@scenario("ordinary", "the FIN is lost three times", sysctls=RTO)
def lost_fin_three_times(play):
    play.lose("A", "FA", times=3)
    whole_life(play)


@scenario("ordinary", "the last ACK is lost three times, TIME-WAIT repeats it", sysctls=RTO)
def lost_last_ack_three_times(play):
    play.lose("A", "A", times=3, skip=2)
    whole_life(play)


@scenario("ordinary", "the last ACK never arrives, LAST-ACK gives up", sysctls={**RTO, "tcp_orphan_retries": 2})
def lost_last_ack_for_ever(play):
    play.lose("A", "A", times=99, skip=2)
    whole_life(play, wait=2.5)


@scenario("ordinary", "the RST is lost, the peer's data draws another", sysctls=RTO)
def lost_reset_after(play):
    client, server = play.open()
    play.exchange(client, server)
    play.lose("A", "RA")
    client.abort()
    play.quiet()
    server.send(50)
    play.quiet()


@scenario("ordinary", "the RST is lost before the capture point, the peer's data draws another", sysctls=RTO)
def lost_reset_before(play):
    client, server = play.open()
    play.exchange(client, server)
    play.lose("A", "RA", where="before")
    client.abort()
    play.quiet()
    server.send(50)
    play.quiet()


@scenario("ordinary", "the RST is lost, the peer closes", sysctls=RTO)
def lost_reset_then_close(play):
    client, server = play.open()
    play.exchange(client, server)
    play.lose("B", "RA")
    server.abort()
    play.quiet()
    client.close()
    play.quiet()


@scenario("ordinary", "a hole in the data before the FIN: it is queued", sysctls=RTO, variants=("v4", "nosack", "plain"))
def fin_behind_hole(play):
    client, server = play.open()
    play.lose("A", "A", data=True)
    client.send(3000)
    client.shutdown()
    play.run(0.5)
    server.recv()
    server.close()
    play.quiet()


@scenario("ordinary", "a hole before the capture point, then the FIN", sysctls=RTO, variants=("v4", "plain"))
def fin_behind_unseen_hole(play):
    client, server = play.open()
    play.lose("A", "A", data=True, where="before")
    client.send(3000)
    client.shutdown()
    play.run(0.5)
    server.recv()
    server.close()
    play.quiet()


@scenario("ordinary", "a RST behind a hole in the data", sysctls=RTO, variants=("v4", "nosack"))
def reset_behind_hole(play):
    client, server = play.open()
    play.lose("A", "A", data=True)
    client.send(3000)
    client.abort()
    play.run(0.3)
    server.send(10)
    play.run(0.3)


@scenario("ordinary", "both FINs cross and one is lost", sysctls=RTO, variants=("v4", "plain"))
def crossing_fins_one_lost(play):
    client, server = play.open()
    play.exchange(client, server)
    play.lose("A", "FA")
    client.close()
    server.close()
    play.run(1)


@scenario("ordinary", "both FINs cross and both are lost", sysctls=RTO)
def crossing_fins_both_lost(play):
    client, server = play.open()
    play.exchange(client, server)
    play.lose("A", "FA")
    play.lose("B", "FA")
    client.close()
    server.close()
    play.run(1)


@scenario("ordinary", "the first SYN is late: its answer crosses the repeated SYN", sysctls=RTO)
def syn_late(play):
    play.rule(lambda s: s.side == "A" and s.tcp.bare_syn, late=1.02)
    whole_life(play)


@scenario("ordinary", "a copy of the SYN arrives after everything was closed: a ghost (RFC 9293 figure 8)", sysctls=RTO)
def old_syn_after_close(play):
    play.rule(lambda s: s.side == "A" and s.tcp.bare_syn, twin=(1.9,))
    whole_life(play, wait=2.5)


@scenario("ordinary", "segments of data overtake each other and the FIN")
def fin_overtakes_data(play):
    client, server = play.open()
    play.rule(lambda s: s.side == "A" and s.tcp.length > 0, late=0.02)
    client.send(500)
    client.shutdown()
    play.run(0.2)
    server.recv()
    server.close()
    play.quiet()


@scenario("ordinary", "every segment is captured twice")
def captured_twice(play):
    play.default_fate = lambda segment: {"duplicate": (0.0005,)}
    whole_life(play)


@scenario("ordinary", "the capture misses the FIN and its ACK")
def capture_misses_fin(play):
    play.rule(lambda s: s.tcp.is_("FA"), times=1, miss=True)
    whole_life(play)


@scenario("ordinary", "the capture misses the SYN")
def capture_misses_syn(play):
    play.rule(lambda s: s.tcp.bare_syn, times=1, miss=True)
    whole_life(play)


@scenario("ordinary", "the capture misses the SYN/ACK")
def capture_misses_syn_ack(play):
    play.rule(lambda s: s.tcp.is_("SA"), times=1, miss=True)
    whole_life(play)


@scenario("ordinary", "the capture misses the handshake's ACK")
def capture_misses_handshake_ack(play):
    play.rule(lambda s: s.side == "A" and s.tcp.is_("A"), times=1, miss=True)
    whole_life(play)


@scenario("ordinary", "a copy of the SYN, captured again, arrives after everything was closed", sysctls=RTO,
          variants=("v4", "nots"))
def old_syn_captured_after_close(play):
    play.rule(lambda s: s.side == "A" and s.tcp.bare_syn, duplicate=(1.9,))
    whole_life(play, wait=1.4)
    play.run(1)


@scenario("ordinary", "a copy of the last FIN visits TIME-WAIT: the ACK draws a RST that ends it", sysctls=RTO)
def old_fin_kills_time_wait(play):
    play.rule(lambda s: s.side == "B" and s.tcp.is_("FA"), duplicate=(0.4,))
    whole_life(play)


@scenario("ordinary", "copies of the data visit after the close", sysctls=RTO)
def old_data_after_close(play):
    play.rule(lambda s: s.side == "A" and s.tcp.length > 0, duplicate=(0.9, 1.6))
    whole_life(play)


@scenario("ordinary", "a copy of the first FIN arrives in every later state", sysctls=RTO)
def old_fin_again(play):
    play.rule(lambda s: s.side == "A" and s.tcp.is_("FA"), duplicate=(0.1, 0.5, 0.8, 1.2))
    whole_life(play)


@scenario("ordinary", "a copy of the handshake's ACK arrives late", sysctls=RTO)
def old_handshake_ack(play):
    play.rule(lambda s: s.side == "A" and s.tcp.is_("A"), duplicate=(0.3, 0.9, 1.6))
    whole_life(play)


@scenario("ordinary", "a copy of the SYN/ACK arrives in ESTABLISHED and in TIME-WAIT", sysctls=RTO)
def old_syn_ack_again(play):
    play.rule(lambda s: s.side == "B" and s.tcp.is_("SA"), duplicate=(0.3, 1.6))
    whole_life(play)
