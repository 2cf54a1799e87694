"""Breaks smlp on purpose, one small change at a time, and lists the changes that no test notices.

    ./dev mutate                       150 changes over every room of src/
    ./dev mutate --count 30            a sample
    ./dev mutate --room data --room image
    ./dev mutate --list                what would be changed, without building anything
    ./dev mutate --check-explained     only whether explained.json still matches the source

The changes are drawn by --seed: the same source and seed give the same changes. Each is built and tested in a copy of the
tree under build/mutate, one test program after another until one notices, of those that come by the changed line: those of
its own room, then those of the rooms above it, then the whole programs; within each of these first what noticed most
changes of the room in least time. A change that does not compile is replaced by the next. Results are kept as they come: a
run that was interrupted goes on where it stopped. A change to the source makes it start anew; after a change to the tests
alone, what survived is judged again.
Survivors that no test can catch, because the changed program means the same, are explained in tools/mutate/explained.json
and not counted; tests get 30 s to show that an explanation is wrong.
"""

import argparse
import json
import math
import os
import signal
import sys
import time

from .bench import Bench, Broken
from .plan import ROOT, explained, explanation_of, make_plan, stale_explanations


PATIENCE_WITH_EXPLAINED = 30  # seconds


def rows_of(path):
    rows = []
    for line in path.read_text().splitlines() if path.is_file() else []:
        try:
            rows.append(json.loads(line))
        except ValueError:
            continue  # the last line of a run that was killed
    return rows


def still_known(rows, tests, source):
    """Results of earlier runs on the same source. What survived other tests is judged again."""
    return [row for row in rows if row.get("source") == source and (row["verdict"] != "survived" or row["tests"] == tests)]


def result_of(mutation, known, patience):
    """The last known result, or None. What survived fewer tests is judged again."""
    return next((row for row in reversed(known) if row["id"] == mutation.id
                 and (row["verdict"] != "survived" or row.get("patience", math.inf) >= patience)), None)


def patience_with(mutation, options, entries):
    """Seconds of tests for a change: few for one that is explained, which is tried in case the explanation is wrong."""
    return min(options.patience, PATIENCE_WITH_EXPLAINED) if explanation_of(mutation, entries) else options.patience


def caught_by(row):
    """The test that noticed, or None."""
    name = row["verdict"].removeprefix("caught by ")
    return name.split(",")[0] if name != row["verdict"] else None


def run(options, folder):
    bench = Bench(folder, options.jobs)
    tests, source = bench.copy_tree()
    plan = make_plan(options.seed, options.count, options.room)
    path = folder / "results.jsonl"
    rows = rows_of(path)
    known, entries = still_known(rows, tests, source), explained()
    for row in rows:
        if caught_by(row):
            bench.remember(row["room"], row["id"], caught_by(row))
    total = sum(share for share, _ in plan.values())
    start = time.monotonic()
    bench.configure(options.cmake)
    bench.build_marked([m for share, order in plan.values() for m in order[:share + share // 3 + 1]])
    bench.check_whole({label: None for room in plan for label in bench.stages_of(room)}, folder / "unchanged.json",
                      [tests, source])
    bench.remove_marks()
    print(f"The unchanged tree was built and passes ({time.monotonic() - start:.0f} s). {total} changes"
          f", {len(known)} results of an earlier run", flush=True)

    results, spent, fresh = [], 0.0, 0
    with open(path, "a") as log:
        for room, (share, order) in plan.items():
            valid = 0
            for mutation in order:
                if valid == share:
                    break
                patience = patience_with(mutation, options, entries)
                row = result_of(mutation, known, patience)
                if row is None:
                    begin = time.monotonic()
                    verdict = bench.judge(room, mutation, patience)
                    seconds = time.monotonic() - begin
                    spent, fresh = spent + seconds, fresh + 1
                    row = {"id": mutation.id, "tests": tests, "source": source, "room": room, "kind": mutation.kind, "verdict": verdict,
                           "patience": patience, "seconds": round(seconds, 1)}
                    log.write(json.dumps(row) + "\n")
                    log.flush()
                if row["verdict"] == "does not build":
                    continue
                valid += 1
                results.append((mutation, row))
                left = (total - len(results)) * spent / max(fresh, 1) / 60
                print(f"{len(results):4} of {total}  {mutation.file}:{mutation.line}  {mutation.kind}: {row['verdict']}"
                      f"  ({row['seconds']:.0f} s, about {left:.0f} min left)", flush=True)
    return results


def report(results):
    entries = explained()
    survivors = [(m, row) for m, row in results if row["verdict"] == "survived"]
    equivalent = [(m, explanation_of(m, entries)) for m, _ in survivors if explanation_of(m, entries)]
    open_ = [m for m, _ in survivors if not explanation_of(m, entries)]
    for mutation in open_:
        print(f"\nSURVIVED {mutation.file}:{mutation.line} ({mutation.kind}, {mutation.id})\n{mutation.diff()}")
    for mutation, entry in equivalent:
        print(f"\nequivalent {mutation.file}:{mutation.line} ({mutation.kind})\n{mutation.diff()}\n  {entry['why']}")
    print(f"\n{'room':<10} {'changes':>8} {'caught':>8} {'equivalent':>11} {'survived':>9}")
    rooms = list(dict.fromkeys(row["room"] for _, row in results))
    for room in [*rooms, "all"]:
        of = [(m, row) for m, row in results if room in (row["room"], "all")]
        caught = sum(row["verdict"].startswith("caught") for _, row in of)
        same = sum(row["verdict"] == "survived" and explanation_of(m, entries) is not None for m, row in of)
        print(f"{room:<10} {len(of):8} {caught:8} {same:11} {len(of) - caught - same:9}")
    counted = len(results) - len(equivalent)
    rate = 100 * (counted - len(open_)) / counted if counted else 0
    print(f"caught: {rate:.1f} % of {counted}")
    return rate


def main():
    parser = argparse.ArgumentParser(prog="./dev mutate", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1, help="draws the changes (default 1)")
    parser.add_argument("--count", type=int, default=150, help="how many changes that compile (default 150)")
    parser.add_argument("--room", action="append", help="only this room of src/; may be repeated")
    parser.add_argument("--patience", type=float, default=math.inf, metavar="SECONDS",
                        help="leave out tests of other rooms that would go beyond this time (default: run all that reach a change)")
    parser.add_argument("--goal", type=float, default=95, help="exit 1 where fewer per cent are caught (default 95)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--list", action="store_true", help="print the changes and build nothing")
    parser.add_argument("--check-explained", action="store_true", help="check that explained.json is not out of date")
    parser.add_argument("--cmake", action="append", default=[], help="an option for CMake; may be repeated")
    options = parser.parse_args()

    stale = stale_explanations(explained())
    for entry in stale:
        print(f"explained.json is out of date: nothing in {entry['file']} matches '{entry['old']}'")
    if stale or options.check_explained:
        return 1 if stale else 0
    if options.list:
        for room, (share, order) in make_plan(options.seed, options.count, options.room).items():
            for mutation in order[:share]:
                print(f"{mutation.file}:{mutation.line} ({mutation.kind}, {mutation.id})\n{mutation.diff()}")
        return 0
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what it started ends with it
    folder = ROOT / "build" / "mutate"
    folder.mkdir(parents=True, exist_ok=True)
    begin = time.monotonic()
    try:
        results = run(options, folder)
    except Broken as error:
        print(f"mutate: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted: the same command goes on from here", file=sys.stderr)
        return 130
    rate = report(results)
    print(f"{(time.monotonic() - begin) / 60:.0f} minutes")
    return 0 if rate >= options.goal else 1


if __name__ == "__main__":
    sys.exit(main())
