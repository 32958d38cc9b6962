"""What could be known at the moment of a segment: the settled states of the capture cut behind it.

The first pass is told one segment after another; hindsight searches among all histories that fit the whole capture.
Where hindsight, given no more than the first pass had, is wrong too, the first pass misses what only later segments
tell, or nothing.
"""

from .judge import end_of, is_right

BATCH = 200
KINDS = ("could-know", "only-later", "never")


def judge(runner, results, captures, pool):
    """Sets `then` of each miss of the first pass."""
    paths = {path.name.removesuffix(".pcap"): path for path in captures}
    wanted = sorted({(result.name, miss.frame) for result in results for miss in result.misses if is_first(miss)})
    groups = [wanted[at:at + BATCH] for at in range(0, len(wanted), BATCH)]
    read = pool.map(lambda group: runner.read_batch([paths[name] for name, _ in group], want_expert=False,
                                                    lengths=[frame for _, frame in group]), groups)
    told = {moment: frames[moment[1]] for group, found in zip(groups, read) for moment, (frames, _) in zip(group, found)}
    for result in results:
        for miss in filter(is_first, result.misses):
            shown = told[result.name, miss.frame]
            end = end_of(shown, miss.endpoint)
            miss.then = (end and shown[f"tcpstate.{end}.settled.name"]) or "-"


def is_first(miss):
    return not is_right(miss.shown, miss.truth)


def kind(miss):
    """could-know: hindsight was right at once; only-later: the rest of the capture tells; never: not even that."""
    if is_right(miss.then, miss.truth):
        return "could-know"
    return "only-later" if is_right(miss.settled, miss.truth) else "never"
