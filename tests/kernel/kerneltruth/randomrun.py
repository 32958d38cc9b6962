"""Seeded random runs: loss, delay, duplication and reordering around applications that write and close at random."""

import random

from .packet import SYN


def job(seed, forged):
    """(name, category, about, call, arguments of Play) of the run with this seed."""
    dice = random.Random(f"{'forged' if forged else 'random'} {seed}")
    sysctls = {"tcp_timestamps": dice.choice((0, 1, 1, 1)), "tcp_sack": dice.choice((0, 1, 1)),
               "tcp_rto_min_us": dice.choice((50000, 100000, 200000)), "tcp_fin_timeout": dice.choice((1, 60)),
               "tcp_syn_linear_timeouts": 4}
    arguments = {"family": dice.choice((4, 4, 6)), "sysctls": sysctls,
                 "legs": (dice.uniform(0.0002, 0.008), dice.uniform(0.0002, 0.008))}
    if forged:
        return (f"forged-{seed:05}", "forged", f"random forged segments, seed {seed}",
                lambda play: forged_run(play, dice), arguments)
    return f"random-{seed:05}", "random", f"random loss and delay, seed {seed}", lambda play: lossy_run(play, dice), arguments


def hostile_path(dice):
    """A path that loses, delays, duplicates and reorders; each run has its own rates."""
    loss, delay, double = dice.choice((0.02, 0.08, 0.2)), dice.choice((0, 0.05, 0.15)), dice.choice((0, 0.03))

    def fate(segment):
        # The handshake fares a little better: a lost SYN costs a second and tells little.
        ease = 0.4 if segment.tcp.flags & SYN else 1
        found = {}
        if dice.random() < loss * ease:
            found["drop"] = dice.choice(("before", "after"))
        if dice.random() < delay:
            found[dice.choice(("delay", "late"))] = dice.uniform(0.001, 0.06)
        if dice.random() < double:
            found[dice.choice(("duplicate", "twin"))] = (dice.uniform(0.0005, 0.03),)
        return found
    return fate


def behave(app, dice):
    """One random act of an application.  True if the socket is gone."""
    act = dice.random()
    if act < 0.5:
        app.send(dice.choice((1, 100, 1000, 5000, 30000)))
    elif act < 0.8:
        app.recv()
    elif act < 0.88:
        app.shutdown()
    elif act < 0.96:
        if dice.random() < 0.6:
            app.recv()
        app.close()
        return True
    elif act < 0.98:
        app.abort()
        return True
    return False


def apps_at_random(play, dice, acts, pause, between=lambda: None):
    play.listen(backlog=dice.choice((4, 16)))
    alive = [play.connect()]
    accepted = False
    for _ in range(acts):
        play.run(dice.uniform(0, pause))
        if not accepted:
            server = play.listener.accept()
            if server:
                alive.append(server)
                accepted = True
        between()
        if alive and (accepted or dice.random() < 0.2):
            app = dice.choice(alive)
            if behave(app, dice):
                alive.remove(app)
    for app in alive:
        play.run(dice.uniform(0, 0.05))
        app.recv()
        (app.abort if dice.random() < 0.1 else app.close)()
    play.run(dice.choice((0.5, 1.0, 2.0)))


def lossy_run(play, dice):
    play.default_fate = hostile_path(dice)
    apps_at_random(play, dice, acts=dice.randint(6, 30), pause=0.1)


def forged_run(play, dice):
    """A normal connection on a good path, and segments that nobody sent."""
    def inject():
        ends = [e for e in play.endpoints.values() if e.iss is not None]
        if not ends or dice.random() < 0.4:
            return
        end = dice.choice(ends)
        flags = dice.choice(("R", "R", "RA", "S", "SA", "F", "FA", "FA", "A", "A", "PA"))
        near = dice.choice((0, 0, 0, 1, -1, 10, 1000, -1000, 60000, 1 << 20, 1 << 30, -(1 << 30)))
        play.forge(end, flags, seq=near, ack=dice.choice((0, 0, 0, -1, 1, 5000, -5000, 1 << 29)),
                   payload=b"y" * dice.choice((1, 10)) if flags == "PA" else b"",
                   tsval=dice.choice((0, 0, 1, -1, -5000, 5000)), timestamps=dice.random() < 0.7,
                   bad_checksum=dice.random() < 0.08)
    if dice.random() < 0.2:
        play.default_fate = hostile_path(dice)
    apps_at_random(play, dice, acts=dice.randint(6, 20), pause=0.06, between=inject)
