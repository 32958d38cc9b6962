"""Seeded random talks: connections with a plan, one after the other and often from the same port, on paths of any length.

Where `randomrun.py` lets every act come at random, a talk here is opened, used and closed as an application would do it,
in one of many ways; the kernels have other settings, round trips last from 0.2 to 100 ms, and whoever forges in an attacked
talk favours one kind of segment."""

import random
import socket

KEEPALIVE = ((socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),)
ALL_KINDS = ("R", "RA", "S", "FA", "A", "PA", "SA")
ATTACKS = (("R",), ("S", "SA"), ("F", "FA"), ("A", "PA"), ALL_KINDS, ALL_KINDS + ("replay",))


def job(seed, attacked):
    """(name, category, about, call, arguments of Play) of the run with this seed."""
    kind = "attacked" if attacked else "talk"
    dice = random.Random(f"{kind} {seed}")
    sysctls = {"tcp_timestamps": dice.choice((0, 1, 1)), "tcp_sack": dice.choice((0, 1, 1)),
               "tcp_window_scaling": dice.choice((0, 1, 1, 1)), "tcp_fin_timeout": dice.choice((1, 3, 60)),
               "tcp_rfc1337": dice.choice((0, 0, 1)), "tcp_abort_on_overflow": dice.choice((0, 0, 1)),
               "tcp_ecn": dice.choice((0, 1)), "tcp_rto_min_us": dice.choice((100000, 200000)),
               "tcp_dsack": dice.choice((0, 1, 1)), "tcp_early_retrans": dice.choice((0, 3)),
               "tcp_recovery": dice.choice((0, 1)), "tcp_syn_linear_timeouts": 4}
    leg = dice.choice((0.0001, 0.001, 0.005, 0.015, 0.03))
    arguments = {"family": dice.choice((4, 6)), "sysctls": sysctls,
                 "legs": (leg * dice.uniform(0.3, 1.7), leg * dice.uniform(0.3, 1.7))}
    if attacked:
        return (f"attacked-{seed:05}", "forged", f"a talk and forged segments, seed {seed}",
                lambda play: attacked_run(Talk(play, dice, leg)), arguments)
    return f"talk-{seed:05}", "random", f"a lossy talk, seed {seed}", lambda play: lossy_run(Talk(play, dice, leg)), arguments


class Talk:
    def __init__(self, play, dice, leg):
        self.play, self.dice, self.leg = play, dice, leg
        self.last_port = None
        self.meanwhile = lambda: None

    def wait(self, legs=2.5):
        self.play.run(self.leg * legs * self.dice.uniform(0.5, 1.5) + 0.001)
        self.meanwhile()

    def open(self):
        """The client and the accepted socket, or None if that took too long or the client lost patience."""
        dice, play = self.dice, self.play
        options = KEEPALIVE if dice.random() < 0.2 else ()
        try:
            client = play.connect(local_port=self.last_port if dice.random() < 0.5 else None, options=options)
        except OSError:         # the port is still in use
            return None
        self.last_port = client.local[1]
        for _ in range(60):
            self.wait(1.5)
            server = play.listener.accept()
            if server:
                return client, server
            if dice.random() < 0.03:
                break
        client.close()
        play.run(0.5)
        return None

    def use(self, client, server):
        dice = self.dice
        style = dice.choice(("request", "push", "pull", "idle", "both"))
        for _ in range(dice.randint(1, 6)):
            if style in ("request", "push", "both"):
                client.send(dice.choice((1, 20, 500, 1448, 4000, 20000)))
            if style == "both":
                server.send(dice.choice((1, 800, 9000)))
            self.wait()
            if dice.random() < 0.9:
                server.recv()
            if style in ("request", "pull"):
                server.send(dice.choice((1, 200, 3000, 40000)))
                self.wait()
                if dice.random() < 0.9:
                    client.recv()
            self.wait(dice.choice((0.2, 1, 3)))

    def end(self, first, second):
        """In one of the ways in which applications part."""
        dice = self.dice
        how = dice.choice(("close", "close", "close", "half", "half", "both", "abort", "vanish", "unread", "send", "send"))
        if how == "close":
            first.recv()
            first.close()
            self.wait(dice.choice((0.3, 2, 5)))
            second.recv()
            if dice.random() < 0.25:
                second.send(dice.choice((1, 100)))
                self.wait()
            second.close()
        elif how == "half":
            first.shutdown()
            self.wait(dice.choice((0.3, 3)))
            second.recv()
            for _ in range(dice.randint(0, 3)):
                second.send(dice.choice((1, 700, 8000)))
                self.wait()
                first.recv()
            second.close()
            self.wait()
            first.close()
        elif how == "both":
            first.recv()
            second.recv()
            first.close()
            second.close()
        elif how in ("abort", "vanish"):
            (first.abort if how == "abort" else first.vanish)()
            self.wait()
            second.send(dice.choice((1, 10)))
            self.wait()
            second.close()
        elif how == "unread":
            second.send(300)
            self.wait()
            first.close()
            self.wait()
            second.close()
        else:
            first.send(dice.choice((1, 5000)))
            first.close()
            self.wait(0.5)
            second.send(1)
            second.close()
        for _ in range(dice.choice((2, 5, 20))):
            self.wait(2)

    def run(self):
        ends = self.open()
        if ends:
            self.use(*ends)
            self.end(*self.dice.sample(ends, 2))


def lossy_path(dice, leg):
    """Loses on both sides of the middle, delays any segment by up to a leg, and doubles some."""
    loss, jitter, double = dice.choice((0.01, 0.05, 0.1, 0.3)), dice.choice((0, 0.1, 1.0)), dice.choice((0, 0, 0.05))
    after = dice.choice((0.0, 0.5, 1.0))

    def fate(_):
        found = {}
        if dice.random() < loss:
            found["drop"] = "after" if dice.random() < after else "before"
        if jitter:
            found["delay"], found["late"] = dice.random() * jitter * leg, dice.random() * jitter * leg
        if dice.random() < double:
            found["twin"] = (dice.uniform(0.0002, leg * 3),)
        return found
    return fate


def lossy_run(talk):
    talk.play.default_fate = lossy_path(talk.dice, talk.leg)
    talk.play.listen(backlog=talk.dice.choice((1, 8)))
    for _ in range(talk.dice.choice((1, 1, 2, 3))):
        talk.run()
    talk.play.run(talk.dice.choice((0.3, 1.2)))


def attacker(talk):
    """What forges a segment now and then, in the name of either end of the last connections."""
    play, dice = talk.play, talk.dice
    rate, kinds, without_timestamps = dice.choice((0.1, 0.25, 0.5)), dice.choice(ATTACKS), dice.random() < 0.3

    def forge():
        ends = [end for end in play.endpoints.values() if end.iss is not None]
        if not ends or dice.random() > rate:
            return
        end, kind = dice.choice(ends[-2:]), dice.choice(kinds)
        if kind == "replay":
            old = dice.choice([segment for segment in play.segments if not segment.forged])
            play.inject("A" if old.side == "B" else "B", old.raw)
            return
        seq = dice.choice((0, 0, 0, 1, dice.randint(1, 30000), -dice.randint(1, 3000), dice.randint(-1 << 31, (1 << 31) - 1)))
        ack = dice.choice((0, 0, 0, dice.randint(-3000, 3000), dice.randint(-1 << 31, (1 << 31) - 1)))
        play.forge(end, kind, seq=seq, ack=ack, payload=b"z" * dice.choice((1, 5, 300)) if kind == "PA" else b"",
                   tsval=dice.choice((0, 0, 2, -20, 100000)), timestamps=not without_timestamps,
                   window=dice.choice((None, None, 0, 1024, 65535)))
    return forge


def attacked_run(talk):
    talk.play.listen(backlog=8)
    talk.meanwhile = attacker(talk)
    for _ in range(talk.dice.choice((1, 1, 2))):
        talk.run()
    for _ in range(talk.dice.choice((0, 4))):
        talk.wait(3)
    talk.play.run(talk.dice.choice((0.3, 1.0)))
