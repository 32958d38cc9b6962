"""Why each miss remains: misses.tsv names a reason for every settled one, moments.tsv for every one of the first pass that
could have been known at once; misses.md says what the reasons mean."""

import re
from fnmatch import fnmatchcase
from typing import NamedTuple

from . import moment

CLASSES = ("unknowable", "could-know", "unexamined")


class Row(NamedTuple):
    run: str
    views: str
    truth: str
    shown: str      # the state that was wrong: the settled one, that of the first pass
    reason: str

    def covers(self, run, view, truth, shown):
        return (fnmatchcase(run, self.run) and any(fnmatchcase(view, v) for v in self.views.split(","))
                and fnmatchcase(truth, self.truth) and fnmatchcase(shown, self.shown))


def read(table):
    lines = [line for line in table.read_text().splitlines() if line and not line.startswith("#")]
    return [Row(*line.split("\t")) for line in lines[1:]]


def classes(text):
    """{key: class} of the headings of misses.md and the items below them."""
    found, current = {}, None
    for line in text.splitlines():
        if heading := re.match(r"## ([a-z-]+)", line):
            current = heading[1]
        elif item := re.match(r"- `([a-z0-9-]+)`: .", line):
            found[item[1]] = current
    return found


def settled_misses(results):
    return [(r.scenario, r.view, m.truth, m.settled) for r in results for m in r.misses
            if m.settled not in m.truth.split("|")]


def moment_misses(results):
    return [(r.scenario, r.view, m.truth, m.shown) for r in results for m in r.misses
            if moment.is_first(m) and moment.kind(m) == "could-know"]


def check(what, found, table):
    """Prints how many of the misses `found` each reason explains; the lines of what is without reason, or stale."""
    rows, kinds = read(table), classes(table.with_name("misses.md").read_text())
    used, totals, failed = set(), {}, []
    for miss in found:
        covering = [row for row in rows if row.covers(*miss)]
        used.update(covering)
        if covering:
            totals[covering[0].reason] = totals.get(covering[0].reason, 0) + 1
        else:
            failed.append(f"{what} without a reason: " + " ".join(miss))
    failed += ["stale, explains no miss: " + " ".join(row) for row in rows if row not in used]
    failed += [f"no such reason: {key}" for key in {row.reason for row in rows} if kinds.get(key) not in CLASSES]
    print(f"\n{what} by reason ({len(found)})")
    for key, number in sorted(totals.items(), key=lambda item: -item[1]):
        print(f"  {number:5}  {kinds.get(key, '?'):12}{key}")
    for kind in CLASSES:
        print(f"  {kind}: {sum(kinds.get(row.reason) == kind for row in rows)} rows,"
              f" {sum(n for key, n in totals.items() if kinds.get(key) == kind)} misses")
    return failed
