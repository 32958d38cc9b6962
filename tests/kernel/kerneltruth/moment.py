"""What could be known at the moment of a segment: the settled states of the capture cut behind it.

The first pass is told one segment after another; hindsight searches among all histories that fit the whole capture.
Where hindsight, given no more than the first pass had, is wrong too, the first pass misses what only later segments
tell, or nothing.  Where it is right, it may still have chosen: supposing what the first pass shows, is there a history
too that fits all that had been captured by then?
"""

import zlib
from collections import Counter

from .judge import end_of, is_right, read_truth, rows_of, truth_path

BATCH = 200
STATES = ("CLOSED", "SYN-SENT", "SYN-RECEIVED", "ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2", "CLOSE-WAIT", "CLOSING",
          "LAST-ACK", "TIME-WAIT")      # LISTEN is CLOSED here
KINDS = ("could-know", "either", "only-later", "never")


def judge(runner, results, captures, pool):
    """Sets `then` of each miss of the first pass, and `supposed` where that is right."""
    paths = {path.name.removesuffix(".pcap"): path for path in captures}
    wanted = sorted({(paths[result.name], miss.frame)
                     for result in results for miss in result.misses if is_first(miss)})
    told = _read(runner, wanted, pool)
    for result in results:
        for miss in filter(is_first, result.misses):
            _, miss.then = _states(told[paths[result.name], miss.frame], miss.endpoint)
    chosen = [(paths[result.name], miss) for result in results for miss in result.misses
              if is_first(miss) and is_right(miss.then, miss.truth)]
    asked = [(path, miss, end, state) for path, miss in chosen
             if (end := end_of(told[path, miss.frame], miss.endpoint)) for state in _others(miss)]
    for (_, miss, _, state), settled in zip(asked, _suppose(runner, asked, pool)):
        if settled == state:
            miss.supposed = state


def follow(runner, captures, pool, every):
    """One of `every` segments, whatever the first pass says of them: {(category, view): {(first pass right, a later pass
    of the capture cut there right): rows}}. What would be lost if it followed the later pass, beside what would be won."""
    chosen, wanted = [], set()
    for path in captures:
        header, truth = read_truth(truth_path(path))
        for frame, _, endpoint, state, why in rows_of(truth):
            if why == "yes" and zlib.crc32(f"{path.name} {frame}".encode()) % every == 0:
                wanted.add((path, frame))
                chosen.append((header["category"], path, frame, endpoint, state))
    told = _read(runner, sorted(wanted), pool)
    rows = {}
    for category, path, frame, endpoint, truth in chosen:
        first, then = _states(told[path, frame], endpoint)
        counts = rows.setdefault((category, path.name.removesuffix(".pcap").rpartition(".")[2]), Counter())
        counts[is_right(first, truth), is_right(then, truth)] += 1
    return rows


def _read(runner, wanted, pool):
    """{(path, frame): what a later pass shows on that frame if the capture ends there}."""
    groups = [wanted[at:at + BATCH] for at in range(0, len(wanted), BATCH)]
    read = pool.map(lambda group: runner.read_batch([path for path, _ in group], want_expert=False,
                                                    lengths=[frame for _, frame in group]), groups)
    return {moment: frames[moment[1]] for group, found in zip(groups, read) for moment, (frames, _) in zip(group, found)}


def _others(miss):
    """What may have been true as well: what the first pass shows; where it shows nothing, any state that is not."""
    return [miss.shown] if miss.shown in (*STATES, "LISTEN") else [state for state in STATES if not is_right(state, miss.truth)]


def _suppose(runner, asked, pool):
    """The settled state of each (path, miss, end, state) in `asked`, if the user supposes the state of the end."""
    groups = [asked[at:at + BATCH] for at in range(0, len(asked), BATCH)]
    read = pool.map(lambda group: runner.read_batch(
        [path for path, *_ in group], want_expert=False, lengths=[miss.frame for _, miss, *_ in group],
        suppositions=[(miss.frame, end, state) for _, miss, end, state in group]), groups)
    return [_states(frames[miss.frame], miss.endpoint)[1] for group, found in zip(groups, read)
            for (_, miss, *_), (frames, _) in zip(group, found)]


def _states(shown, endpoint):
    """(first pass, settled) of the endpoint."""
    end = end_of(shown, endpoint)
    state, settled = (shown[f"tcpstate.{end}.{what}.name"] for what in ("state", "settled")) if end else ("", "")
    return state or "-", settled or state or "-"


def is_first(miss):
    return not is_right(miss.shown, miss.truth)


def kind(miss):
    """could-know: hindsight was right at once, and no other history fits; either: one does, with what the first pass
    shows, or with any state where that is unknown; only-later: the rest of the capture tells; never: not even that."""
    if is_right(miss.then, miss.truth):
        return "either" if miss.supposed else "could-know"
    return "only-later" if is_right(miss.settled, miss.truth) else "never"
