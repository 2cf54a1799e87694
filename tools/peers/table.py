"""A saved run (Contest.report) as Markdown and as comma-separated values."""

import csv
import io

from . import catalog, machine, summary

TITLES = ["precision", "peer", "batch", "peer images/s", "smlp images/s", "smlp / peer", "peer % of peak",
          "smlp % of peak", "peer's choice"]


def share(report, precision, images):
    """Of the measured peak, 0..1; a multiply-accumulate is two operations."""
    return 2 * report["gmacs"] * images / report["peaks"][precision]


def bracketed(spread, digits):
    return f"{spread.median:.{digits}f} ({spread.low:.{digits}f}..{spread.high:.{digits}f})"


def cells_of(report, result):
    peer = catalog.find(result["peer"])
    ours, theirs = summary.spread(result["ours"]), summary.spread(result["theirs"])
    ratio = summary.spread(summary.paired_ratios(result["ours"], result["theirs"]))
    shares = [f"{100 * share(report, peer.precision, side.median):.1f}" for side in (theirs, ours)]
    return [peer.precision, peer.title, str(result["batch"]), bracketed(theirs, 1), bracketed(ours, 1),
            bracketed(ratio, 2), *shares, result["choice"]]


def failed_cells(failure):
    peer = catalog.find(failure["peer"])
    reason = failure["reason"].replace("|", "/")
    return [peer.precision, peer.title, str(failure["batch"]), f"not timed: {reason}", "", "", "", "", ""]


def rows_of(report):
    """In the catalog's order, then by batch size."""
    order = [peer.name for peer in catalog.PEERS]
    rows = [(order.index(r["peer"]), r["batch"], cells_of(report, r)) for r in report["results"]]
    rows += [(order.index(f["peer"]), f["batch"], failed_cells(f)) for f in report["failures"]]
    return [cells for _, _, cells in sorted(rows)]


def markdown_table(titles, rows, left):
    marks = ["---" if title in left else "---:" for title in titles]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [titles, marks, *rows])


def answer_rows(report):
    ran = {result["peer"]: result["effective"] for result in report["results"]}
    rows = []
    for answer in report["answers"]:
        precision, peer = answer["precision"], catalog.find(answer["who"])
        rows.append([precision, peer.title if peer else "smlp",
                     ran.get(answer["who"], "") if peer else f"{report['isas'][precision]} kernels",
                     f"{answer['error']:.1e}", f"{answer['same_top1']} of {answer['pictures']}"])
    return sorted(rows, key=lambda row: row[0], reverse=True)


def heading(report):
    cpus = ", ".join(map(str, report["cpus"]))
    versions = ", ".join(f"{name} {version or '(not installed)'}" for name, version in report["versions"].items())
    peaks = ", ".join(f"{precision} {peak:.0f} GFLOP/s ({report['isas'][precision]} kernels)"
                      for precision, peak in sorted(report["peaks"].items(), reverse=True))
    commit = f", smlp {report['commit']}" if report["commit"] else ""
    busy = f" Other programs ran: load {report['load']:.1f} at the start." if report["load"] > machine.BUSY else ""
    return (f"{report['network']}, {report['date']}, {report['machine']}, {report['threads']} "
            f"thread{'s' * (report['threads'] != 1)} on CPU {cpus}{commit}; {versions}. Measured peaks: {peaks}.{busy}")


def explanation(report):
    reference = catalog.find(report["reference"])
    return (f"Medians and, in brackets, quartiles of {report['rounds']} rounds; in each, ours and the peer ran one "
            f"after the other for {report['seconds']:g} s, and the ratio is the median of the rounds' ratios. Errors "
            f"are the largest difference from {reference.title}'s {reference.precision} logits / the largest of those, "
            f"for pictures of {report['reference_classes']} classes as those logits have it.")


def markdown(report):
    left = {"precision", "peer", "peer's choice", "who", "what ran"}
    titles = ["precision", "who", "what ran", "relative error", "same top-1"]
    parts = [heading(report), markdown_table(TITLES, rows_of(report), left),
             markdown_table(titles, answer_rows(report), left), explanation(report)]
    return "\n\n".join(parts) + "\n"


def comma_separated(report):
    """One row a result, with every number of its own column."""
    spreads = [f"{what} {part}" for what in ("peer images/s", "smlp images/s", "smlp / peer")
               for part in ("median", "low quartile", "high quartile", "least", "most")]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["date", "machine", "threads", "network", "precision", "peer", "version", "batch", *spreads,
                     "effective", "choice", "failure"])
    start = [report["date"], report["machine"], report["threads"], report["network"]]
    for entry in report["results"] + report["failures"]:
        peer = catalog.find(entry["peer"])
        about = [*start, peer.precision, peer.name, report["versions"][peer.package], entry["batch"]]
        if "reason" in entry:
            writer.writerow([*about, *[""] * len(spreads), "", "", entry["reason"]])
            continue
        numbers = []
        for values in (entry["theirs"], entry["ours"], summary.paired_ratios(entry["ours"], entry["theirs"])):
            s = summary.spread(values)
            numbers += [f"{value:.5g}" for value in (s.median, s.low, s.high, s.least, s.most)]
        writer.writerow([*about, *numbers, entry["effective"], entry["choice"], ""])
    return out.getvalue()
