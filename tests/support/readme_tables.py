#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes the generated parts of README.md from the tables of the engine.

usage: tests/support/readme_tables.py [--check]

A part stands between "<!-- generated: NAME -->" and "<!-- end of NAME -->" and is made by the function of that name
below, from finding.def, peers.def, state.def, event.def and transition.c. --check writes nothing and fails if a part is
out of date.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
ENGINE = ROOT / "plugin" / "engine"
README = ROOT / "README.md"
PART = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end of \2 -->)", re.DOTALL)

STRING = r'"(?:[^"\\]|\\.)*"'
TOKEN = re.compile(rf'\s*(?:({STRING}(?:\s*{STRING})*)|(\w+))\s*([,)])')
GROUP = re.compile(r"^/\* ---- [A-Z]\. (.*?) ?(?:-*) ?\*/", re.MULTILINE)
COLUMNS = ("Wireshark", "Zeek", "Suricata", "Snort", "conntrack", "pf", "Tranalyzer")
TAKEN_BACK = ("snd_syn_again", "snd_synack_again", "snd_nack_fin", "snd_fin_again")
ANYWHERE = ("snd_rst", "snd_rst_reply", "rcv_rst", "pickup")  # drawn in words: they lead from nearly every state


# ---- the sources


def rows(name, text):
    """The arguments of each NAME(...) in a .def file; neighbouring strings are one."""
    for match in re.finditer(rf"^{name}\(", text, re.MULTILINE):
        position, arguments = match.end(), []
        while True:
            token = TOKEN.match(text, position)
            if not token:
                raise ValueError(f"{name} at offset {match.start()}: {text[position:position + 60]!r}")
            string, word, after = token.groups()
            if string is not None:
                word = "".join(piece[1:-1].replace('\\"', '"') for piece in re.findall(STRING, string))
            arguments.append(word)
            position = token.end()
            if after == ")":
                break
        yield arguments


def read(name):
    return (ENGINE / name).read_text()


def findings():
    """(title of the group, id, kind, severity, frequency, rfc, english), in the order of finding.def."""
    text = read("finding.def")
    titles = [(match.start(), match.group(1)) for match in GROUP.finditer(text)]
    found = []
    for match in re.finditer(r"^FINDING\(", text, re.MULTILINE):
        group = [title for start, title in titles if start < match.start()][-1]
        id, kind, severity, frequency, rfc, english, _ = next(rows("FINDING", text[match.start():]))
        found.append((group, id, kind.lower(), severity.lower(), frequency.lower(), rfc, english))
    return found


def peer_events():
    """(who, event, [findings], remark)"""
    return [(who, event, ids.split(), remark) for who, event, ids, remark in rows("PEER_EVENT", read("peers.def"))]


def unreported():
    return [id for id, in rows("NO_PEER", read("peers.def"))]


def states():
    """alias -> name"""
    return {alias: name for _, name, alias in rows("STATE", read("state.def"))}


def events():
    return dict(rows("EVENT", read("event.def")))


def transitions():
    """event -> cells, in the order of the states"""
    return {event: cells.replace(" ", "").split(",")
            for event, cells in re.findall(r"^ROW\((\w+)\)\s*=\s*\{([^}]*)\}", read("transition.c"), re.MULTILINE)}


# ---- words


def cell(text):
    return text.replace("|", "\\|")


def table(titles, lines):
    head = [titles, ["---"] * len(titles)]
    return "".join("| " + " | ".join(line) + " |\n" for line in [*head, *lines])


def details(summary, body):
    return f"<details>\n<summary>{summary}</summary>\n\n{body}\n</details>\n"


def first_sentence(text):
    """Of a template of explain.c, readable without the numbers of a segment: optional parts fall away."""
    text = re.sub(r"\[[^\]|]*\|([^\]]*)\]", r"\1", text)
    text = re.sub(r"\[[^\]]*\]", "", text)
    sentences = re.findall(r".*?[.:;](?=\s|$)", text) or [text]
    text = next((sentence for sentence in sentences if len(sentence.split()) > 2), text).strip()
    text = re.sub(r"\{(\w+)([-+]\d+)?\}", lambda match: plain(match.group(1), match.group(2)), text)
    text = text.replace("the the ", "the ").rstrip(".:;").strip()
    return text[:1].upper() + text[1:] + "."


def plain(variable, offset):
    words = {"sender": "sender", "receiver": "receiver", "seq": "`SEQ`", "ack": "`ACK`", "end": "`END`", "isn": "`ISN`",
             "peer_isn": "`ISN`", "octets": "N octets", "numbers": "numbers from `SEQ`", "flags": "`FLAGS`", "1": "N",
             "2": "N"}
    return words.get(variable, f"`{variable.upper()}`") + (offset or "")


# ---- the parts


def summary_of_findings():
    found = findings()
    kinds = ("violation", "anomaly", "milestone", "artifact")
    plural = {"violation": "violations", "anomaly": "anomalies", "milestone": "milestones", "artifact": "artifacts"}
    parts = ", ".join(f"{sum(row[2] == kind for row in found)} {plural[kind]}" for kind in kinds)
    return f"{len(found)} findings: {parts}.\n"


def findings_table():
    parts = []
    for title in dict.fromkeys(row[0] for row in findings()):
        lines = [(f"`{id}`", kind, severity, frequency, rfc.replace("RFC 9293 ", "") if rfc else "",
                  cell(first_sentence(english)))
                 for group, id, kind, severity, frequency, rfc, english in findings() if group == title]
        body = table(("id", "kind", "severity", "how often", "RFC (9293 where none is named)", "meaning"), lines)
        parts.append(details(f"{title}: {len(lines)}", body))
    return "\n".join(parts)


def peers_table():
    reported = {}
    for who, event, ids, _ in peer_events():
        for id in ids:
            reported.setdefault(id, {}).setdefault(who if who in COLUMNS else "others", []).append(
                event if who in COLUMNS else f"{who}: {event}")
    lines = [[f"`{row[1]}`"] + [cell(", ".join(reported.get(row[1], {}).get(who, []))) for who in (*COLUMNS, "others")]
             for row in findings()]
    alone = sum(not any(line[1:]) for line in lines)
    text = details("Each finding, and who else reports it under which name", table(("finding", *COLUMNS, "others"), lines))
    return f"{alone} of the {len(lines)} are reported by none of these.\n\n{text}"


def peer_events_table():
    parts = []
    for who in dict.fromkeys(event[0] for event in peer_events()):
        lines = [(cell(event), " ".join(f"`{id}`" for id in ids) or "-", cell(remark))
                 for name, event, ids, remark in peer_events() if name == who]
        parts.append(details(f"{who}: {len(lines)}", table(("theirs", "ours", "remark, or why there is none"), lines)))
    return "\n".join(parts)


def undecidable_table():
    return table(("what", "why it is no finding"), [(cell(a), cell(b)) for a, b in rows("UNDECIDABLE", read("peers.def"))])


def state_diagram():
    """What moves an endpoint forward, from the transition table; resets and what takes an assumption back are left out."""
    aliases, edges = list(states()), {}
    for event, cells in transitions().items():
        if event in TAKEN_BACK or event in ANYWHERE:
            continue
        for before, after in zip(aliases, cells, strict=True):
            if after in states() and after != before and before != "sUN" and not (before == "sCL" and after == "sSR"):
                edges.setdefault((before, after), []).append(event)
    lines = ["stateDiagram-v2"] + [f"    {alias}: {name}" for alias, name in states().items() if alias != "sUN"]
    lines += [f"    {before} --> {after}: {' / '.join(labels)}" for (before, after), labels in edges.items()]
    return "```mermaid\n" + "\n".join(lines) + "\n```\n"


def state_table():
    names = {"sOR": "(origin)", "sIV": "impossible"} | states()
    lines = [[f"`{event}`", cell(events()[event])] +
             ["·" if after == before else names[after] for before, after in zip(states(), cells, strict=True)]
             for event, cells in transitions().items()]
    return details("The whole table: what each event does to each state (· stays)",
                   table(("event", "the endpoint", *states().values()), lines))


PARTS = {function.__name__: function for function in
         (summary_of_findings, findings_table, peers_table, peer_events_table, undecidable_table, state_diagram,
          state_table)}


def updated(text):
    """README.md with its generated parts made anew."""
    return PART.sub(lambda match: match.group(1) + PARTS[match.group(2)]() + match.group(3), text)


def main():
    text = README.read_text()
    new = updated(text)
    if sys.argv[1:] == ["--check"]:
        if new != text:
            sys.exit("README.md is out of date: run tests/support/readme_tables.py")
    elif sys.argv[1:]:
        sys.exit(__doc__)
    else:
        README.write_text(new)


if __name__ == "__main__":
    main()
