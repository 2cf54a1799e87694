"""Puts a run's table between the markers of a page."""

import json

from . import table

BEGIN = "<!-- The newest table of ./dev peers: written by ./dev peers --docs -->"
END = "<!-- end of the table -->"


def replaced(page, text):
    """The page with `text` between the markers. Raises ValueError where they are missing, twice or in disorder."""
    if page.count(BEGIN) != 1 or page.count(END) != 1 or page.index(BEGIN) > page.index(END):
        raise ValueError(f"the page must hold once each, and in this order: {BEGIN} and {END}")
    before, after = page.split(BEGIN)[0], page.split(END)[1]
    return f"{before}{BEGIN}\n\n{text.strip()}\n\n{END}{after}"


def newest(directory):
    """The newest saved run that is none of --quick; None where there is none. Names sort by date."""
    for path in sorted(directory.glob("*.json"), reverse=True):
        report = json.loads(path.read_text())
        if not report["quick"]:
            return report
    return None


def update(page, directory):
    """Rewrites the file `page`; returns the date of the run. Raises ValueError with the reason."""
    report = newest(directory)
    if report is None:
        raise ValueError(f"no run is saved under {directory}; measure first, without --quick")
    page.write_text(replaced(page.read_text(), table.markdown(report)))
    return report["date"]
