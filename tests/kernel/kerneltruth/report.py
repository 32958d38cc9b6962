"""The tables that a person reads."""

from collections import Counter

from . import moment, story
from .judge import is_innocent

COUNTS = ("rows", "first_right", "settled_right", "proved_wrong", "assumed_wrong", "inferred_wrong", "unknown")
HEADING = (f"{'':44}{'captures':>9}{'rows':>8}{'first %':>9}{'settled %':>11}{'proved':>8}{'assumed':>9}{'inferred':>10}{'unknown':>9}\n"
           f"{'':44}{'':9}{'':8}{'':9}{'':11}{'wrong':>8}{'wrong':>9}{'wrong':>10}")


def _sums(results):
    return {key: sum(getattr(result, key) for result in results) for key in COUNTS}


def _percent(part, whole):
    return 100.0 * part / whole if whole else 100.0


def _line(name, results):
    s = _sums(results)
    return (f"{name[:43]:44}{len(results):9}{s['rows']:8}{_percent(s['first_right'], s['rows']):9.2f}"
            f"{_percent(s['settled_right'], s['rows']):11.2f}{s['proved_wrong']:8}{s['assumed_wrong']:9}{s['inferred_wrong']:10}{s['unknown']:9}")


def _groups(results, key):
    found = {}
    for result in results:
        found.setdefault(key(result), []).append(result)
    return found


def totals(results):
    print(HEADING)
    for category, members in sorted(_groups(results, lambda r: r.category).items()):
        print(_line(category, members))
    print(_line("all", results))
    left_out = {}
    for result in results:
        for why, number in result.left_out.items():
            left_out[why] = left_out.get(why, 0) + number
    print("rows left out: " + ", ".join(f"{why} {n}" for why, n in sorted(left_out.items(), key=lambda x: -x[1])))


WHOLE_VIEWS = ("middle", "end-a", "end-b")               # both directions from the first segment on
BOTH_VIEWS = (*WHOLE_VIEWS, "late", "half")              # both directions, if only from a later segment on


def against_belief(results):
    """How hard the captures are: what it makes of them to believe every packet, and what the plugin makes."""
    print(f"\n{'from all views, and from some':44}{'rows':>9}{'believing %':>13}{'first %':>9}{'settled %':>11}")
    for category, members in sorted(_groups(results, lambda r: r.category).items()):
        whole, both = ([result for result in members if result.view in views] for views in (WHOLE_VIEWS, BOTH_VIEWS))
        for name, part in ((f"{category}, all views", members), (f"{category}, both directions", both),
                           (f"{category}, middle and both ends", whole)):
            s = _sums(part)
            print(f"{name:44}{s['rows']:9}{_percent(sum(r.believed_right for r in part), s['rows']):13.2f}"
                  f"{_percent(s['first_right'], s['rows']):9.2f}{_percent(s['settled_right'], s['rows']):11.2f}")


def by_group(results, title, key, limit=None):
    groups = sorted(_groups(results, key).items(),
                    key=lambda item: (sum(len(r.misses) for r in item[1]), item[0]), reverse=True)
    wrong = [(name, members) for name, members in groups if any(r.misses for r in members)]
    print(f"\nby {title}, worst first ({len(groups) - len(wrong)} of {len(groups)} without a miss)")
    for name, members in wrong[:limit]:
        print(_line(name, members))
    if limit and len(wrong) > limit:
        print(f"... and {len(wrong) - limit} more")


def misses(results):
    print("\ncapture\tframe\tendpoint\trole\ttruth\tshown\tcertainty\tsettled\tcontradicted in\tsettled then\tsupposed")
    for result in sorted(results, key=lambda r: (-len(r.misses), r.name)):
        for m in result.misses:
            print(f"{result.name}\t{m.frame}\t{m.endpoint}\t{m.role}\t{m.truth}\t{m.shown}\t{m.certainty}\t{m.settled}"
                  f"\t{m.contradicted_in}\t{m.then}\t{m.supposed}")


def moments(results, limit):
    """What the first pass misses, by whether it could have known."""
    def line(name, members):
        kinds = [moment.kind(m) for r in members for m in r.misses if moment.is_first(m)]
        return f"{name[:43]:44}{len(kinds):10}" + "".join(f"{kinds.count(kind):12}" for kind in moment.KINDS)

    def could_know(members):
        return sum(moment.kind(m) == "could-know" for r in members for m in r.misses if moment.is_first(m))

    print(f"\n{'what the first pass misses':44}{'misses':>10}" + "".join(f"{kind:>12}" for kind in moment.KINDS))
    for category, members in sorted(_groups(results, lambda r: r.category).items()):
        print(line(category, members))
    print(line("all", results))
    groups = sorted(_groups(results, lambda r: r.scenario).items(), key=lambda item: (-could_know(item[1]), item[0]))
    print("by scenario, worst first")
    for name, members in groups[:limit]:
        print(line(name, members))


def followed(rows):
    """What the first pass would win and lose if it said what a later pass of the capture cut there says."""
    print(f"\n{'at the moment itself':44}{'rows':>10}{'first %':>12}{'a later %':>12}{'would win':>12}{'would lose':>12}")
    for title, views in (("middle and both ends", lambda view: view in WHOLE_VIEWS), ("all views", lambda view: True)):
        for category in sorted({category for category, _ in rows}):
            counts = sum((count for (of, view), count in rows.items() if of == category and views(view)), Counter())
            first = counts[True, True] + counts[True, False]
            later = counts[True, True] + counts[False, True]
            print(f"{category + ', ' + title:44}{counts.total():10}{_percent(first, counts.total()):12.2f}"
                  f"{_percent(later, counts.total()):12.2f}{counts[False, True]:12}{counts[True, False]:12}")


def _innocent_warnings(results):
    """Errors and Warnings in captures in which nobody forged anything."""
    return [(result.name, *item) for result in results if is_innocent(result.category)
            for item in result.expert]


def warnings(results, listed):
    found = _innocent_warnings(results)
    print(f"\nErrors and Warnings of tcpstate where nothing was forged: {sum(count for _, _, count, _ in found)}"
          f" in {len({name for name, *_ in found})} captures")
    if listed:
        for name, severity, count, text in found:
            print(f"  {name}: {severity} {count} x {text}")


def story_differences(results):
    """(number of runs with both ends, [(result at end A, [(connection at A, at B, excuse)])] of those whose ends tell
    different stories, the worst first: without excuse, where nothing was forged, in many connections."""
    other_end = {result.scenario: result for result in results if result.view == "end-b" and result.story}
    pairs = [(result, other_end[result.scenario]) for result in results
             if result.view == "end-a" and result.story and result.scenario in other_end]
    found = [(at_a, story.compare(at_a.story, at_b.story)) for at_a, at_b in pairs]
    found = [(at_a, differences) for at_a, differences in found if differences]
    found.sort(key=lambda item: (-_without_excuse(item[1]), not is_innocent(item[0].category), -len(item[1]),
                                 item[0].scenario))
    found.sort(key=lambda item: (_without_excuse(item[1]) == 0, not is_innocent(item[0].category)))
    return len(pairs), found


def _without_excuse(differences):
    return sum(not excuse for *_, excuse in differences)


def _inexcusable(results, category="all"):
    return [at_a for at_a, differences in story_differences(results)[1]
            if _without_excuse(differences) and category in ("all", at_a.category)]


def stories(results, listed):
    runs, found = story_differences(results)
    worst = _inexcusable(results)
    print(f"\nruns whose two ends tell different stories: {len(found)} of {runs}; without excuse: {len(worst)}"
          f" ({sum(is_innocent(at_a.category) for at_a in worst)} of them where nothing was forged)")
    for at_a, differences in found if listed else []:
        print(f"  {at_a.scenario} ({at_a.category})")
        for here, there, excuse in differences:
            print(f"    at A: {here or 'no such connection'}\n    at B: {there or 'no such connection'}")
            print(f"      {'only at one end: ' + excuse if excuse else 'NO EXCUSE: both could have known'}")


def pass_differences(results):
    found = [(result.name, *difference) for result in results for difference in result.pass_differences]
    print(f"\nstates that differ between the first pass and a second one: {len(found)}")
    for name, frame, end, once, twice in found[:50]:
        print(f"  {name} frame {frame} {end}: {once} alone, {twice} with -2")


def below(results, min_first, min_settled, max_proved_wrong, max_warnings, max_stories):
    failed = []
    for what, limits, key in (("first pass", min_first, "first_right"), ("settled", min_settled, "settled_right")):
        for name, percent in limits.items():
            category, _, view = name.partition(".")
            views = {"": None, "whole": WHOLE_VIEWS, "both": BOTH_VIEWS}.get(view, (view,))
            s = _sums([r for r in results if category in ("all", r.category) and (views is None or r.view in views)])
            if _percent(s[key], s["rows"]) < percent:
                failed.append(f"{what} {name}: {_percent(s[key], s['rows']):.2f} % < {percent} %")
    wrong = _sums(results)["proved_wrong"]
    if max_proved_wrong is not None and wrong > max_proved_wrong:
        failed.append(f"proved wrong: {wrong} > {max_proved_wrong}")
    number = sum(count for _, _, count, _ in _innocent_warnings(results))
    if max_warnings is not None and number > max_warnings:
        failed.append(f"Errors and Warnings without forgery: {number} > {max_warnings}")
    for category, limit in max_stories.items():
        number = len(_inexcusable(results, category))
        if number > limit:
            failed.append(f"stories without excuse, {category}: {number} > {limit:.0f}")
    failed += [f"tshark failed on {r.name}: {r.failure}" for r in results if r.failure]
    failed += [f"first pass and second differ: {r.name}" for r in results if r.pass_differences]
    return failed
