"""Puts runs' tables between the markers of a page: one place for runs of several precisions, one for those of int8 alone."""

import json

from . import catalog, table

BEGIN = "<!-- The newest table of ./dev peers: written by ./dev peers --docs -->"
BEGIN_INT8 = "<!-- The newest table of ./dev peers with peers in int8 alone: written by ./dev peers --docs -->"
END = "<!-- end of the table -->"

SAME = ("commit", "network", "machine", "cpus", "threads", "rounds", "seconds", "reference")


def replaced(page, text, begin=BEGIN):
    """The page with `text` between the markers. Raises ValueError where they are missing or twice."""
    if page.count(begin) != 1 or END not in page[page.index(begin):]:
        raise ValueError(f"the page must hold once each, and in this order: {begin} and {END}")
    before, rest = page.split(begin)
    return f"{before}{begin}\n\n{text.strip()}\n\n{END}{rest.split(END, 1)[1]}"


def place_of(report):
    """The marker where a run's table belongs."""
    entries = report["results"] + report["failures"]
    precisions = {catalog.find(entry["peer"]).precision for entry in entries}
    return BEGIN_INT8 if precisions == {"int8"} else BEGIN


def joined(newer, older):
    """Both as one run: a machine that is quiet for a minute at a time is measured peer by peer."""
    entries = newer["results"] + newer["failures"]
    there = {(entry["peer"], entry["batch"]) for entry in entries}
    worst = {}
    for answer in newer["answers"] + older["answers"]:
        key = answer["who"], answer["precision"]
        if key not in worst or not answer["error"] <= worst[key]["error"]:
            worst[key] = answer
    out = {**newer, "answers": list(worst.values()), "versions": {**older["versions"], **newer["versions"]},
           "isas": {**older["isas"], **newer["isas"]}, "load": max(newer["load"], older["load"]),
           "peaks": {key: max(run["peaks"].get(key, 0) for run in (newer, older)) for key in {**older["peaks"], **newer["peaks"]}}}
    for kind in ("results", "failures"):
        out[kind] = newer[kind] + [entry for entry in older[kind] if (entry["peer"], entry["batch"]) not in there]
    return out


def newest(directory):
    """Of each place the newest saved run that is none of --quick, with what older ones of the same commit, network,
    machine and lengths have besides. Names sort by date."""
    found = {}
    for path in sorted(directory.glob("*.json"), reverse=True):
        report = json.loads(path.read_text())
        if report["quick"]:
            continue
        first = found.setdefault(place_of(report), report)
        if first is not report and all(first[key] == report[key] for key in SAME):
            found[place_of(report)] = joined(first, report)
    return found


def update(page, directory):
    """Rewrites the file `page`; returns the dates of the runs. Raises ValueError with the reason."""
    reports = newest(directory)
    if not reports:
        raise ValueError(f"no run is saved under {directory}; measure first, without --quick")
    text = page.read_text()
    for begin, report in reports.items():
        text = replaced(text, table.markdown(report), begin)
    page.write_text(text)
    return ", ".join(report["date"] for report in reports.values())
