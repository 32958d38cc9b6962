"""One capture: the truth beside what the plugin shows."""

import subprocess
from dataclasses import dataclass, field

from . import belief, outcome, story


@dataclass(slots=True)
class Miss:
    frame: int
    endpoint: str
    role: str
    truth: str
    shown: str
    certainty: str
    settled: str
    contradicted_in: str
    then: str = ""          # settled, had the capture ended with this frame: moment.py
    supposed: str = ""      # where that is right: another state that fits as well


@dataclass
class Result:
    name: str
    scenario: str
    view: str
    category: str
    rows: int = 0
    first_right: int = 0
    settled_right: int = 0
    believed_right: int = 0                             # by who believes every packet
    proved_wrong: int = 0
    assumed_wrong: int = 0
    inferred_wrong: int = 0
    unknown: int = 0
    misses: list = field(default_factory=list)
    expert: list = field(default_factory=list)
    story: object = None
    contradictions: dict = field(default_factory=dict)
    closers: int = 0
    pass_differences: list = field(default_factory=list)
    failure: str = ""
    left_out: dict = field(default_factory=dict)


def read_truth(path):
    """(header, rows): the commented header as a dict, each row as a list of cells."""
    header, found = {}, []
    for line in path.read_text(encoding="ascii").splitlines():
        if line.startswith("#"):
            key, _, value = line[1:].partition(":")
            header[key.strip()] = value.strip()
        elif not line.startswith("frame"):
            found.append(line.split("\t"))
    return header, found


def rows_of(truth):
    """(frame, role, endpoint, state, why not comparable or "yes") of both ends at each segment."""
    for frame, sender, receiver, sender_state, receiver_state, sender_why, receiver_why in truth:
        yield int(frame), "sender", sender, sender_state, sender_why
        yield int(frame), "receiver", receiver, receiver_state, receiver_why


def truth_path(capture):
    return capture.with_name(capture.name.removesuffix(".pcap") + ".truth.tsv")


def category_of(capture):
    with open(truth_path(capture), encoding="ascii") as file:
        return file.readline().rpartition(":")[2].strip()


def is_innocent(category):
    """Nobody forged anything, so nothing deserves a Warning."""
    return category in ("ordinary", "random")


def judge_all(runner, captures, also=(), first_pass=False):
    """The results of captures that are read together.  If tshark fails, halves find the capture that makes it fail."""
    try:
        innocent = any(is_innocent(category_of(capture)) for capture in captures)
        twice = runner.read_batch(captures, want_expert=innocent) if len(captures) > 1 else [runner.read_each(captures[0])]
        once = [None] * len(captures)
        if first_pass:
            once = [frames for frames, _ in runner.read_batch(captures, passes=1, want_expert=False)]
    except (RuntimeError, subprocess.TimeoutExpired) as error:
        if len(captures) > 1:
            half = len(captures) // 2
            return (judge_all(runner, captures[:half], also, first_pass)
                    + judge_all(runner, captures[half:], also, first_pass))
        result = judge(captures[0], {}, [], None, also)
        result.failure = str(error)
        return [result]
    return [judge(capture, frames, expert, alone, also) for capture, (frames, expert), alone in zip(captures, twice, once)]


def judge(capture, frames, expert, once, also):
    """`frames` of a second pass; `once`: those of a first pass alone, or None."""
    header, truth = read_truth(truth_path(capture))
    name = capture.name.removesuffix(".pcap")
    scenario, _, view = name.rpartition(".")
    result = Result(name, scenario, view, header["category"], expert=expert)
    believed = belief.states(capture)
    for frame, role, endpoint, state, why in rows_of(truth):
        if why == "yes" or why in also:
            result.believed_right += is_right(believed.get(frame, {}).get(endpoint, ""), state)
            count(result, frames.get(frame, {}), frame, role, endpoint, state)
        else:
            result.left_out[why] = result.left_out.get(why, 0) + 1
    result.story = story.read(capture, frames, truth)
    result.contradictions = outcome.contradictions(name, frames, truth)
    result.closers = outcome.closers(frames, truth)
    if once is not None:
        for number, cells in frames.items():
            for end in ("client", "server"):
                key = f"tcpstate.{end}.state.name"
                if once.get(number, {}).get(key) != cells[key]:
                    result.pass_differences.append((number, end, once.get(number, {}).get(key), cells[key]))
    return result


def is_right(state, truth):
    return state in truth.split("|")


def end_of(shown, endpoint):
    """"client" or "server", as which the endpoint is shown; None if it is not."""
    return next((end for end in ("client", "server") if shown.get(f"tcpstate.{end}") == endpoint), None)


def count(result, shown, frame, role, endpoint, truth):
    end = end_of(shown, endpoint)
    state, certainty, settled = (shown[f"tcpstate.{end}.{what}.name"] for what in ("state", "certainty", "settled")) \
        if end else ("", "unknown", "")
    first_right, settled_right = is_right(state, truth), is_right(settled or state, truth)
    result.rows += 1
    result.first_right += first_right
    result.settled_right += settled_right
    if first_right and settled_right:
        return
    if state in ("", "UNKNOWN"):
        result.unknown += 1
    elif not first_right:
        if certainty == "proved":
            result.proved_wrong += 1
        elif certainty == "assumed":
            result.assumed_wrong += 1
        else:
            result.inferred_wrong += 1
    result.misses.append(Miss(frame, endpoint, role, truth, state or "-", certainty, settled or "-",
                              shown.get("tcpstate.contradicted_in", "")))
