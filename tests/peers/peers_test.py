"""What `./dev peers` makes of its measurements: statistics, refusal of wrong answers, tables, README.md's markers."""

import csv
import io
import math
import sys
import tempfile
import types
import unittest
from array import array
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
from peers import accuracy, catalog, duel, options, readme, summary, table  # noqa: E402
from peers.contest import Contest  # noqa: E402
from peers.process import WorkerFailed  # noqa: E402


def saved_run():
    """Two peers, one of them failed at batch 8; ours twice as fast in each round, whatever the machine's speed."""
    return {
        "date": "2031-02-03 04:05", "quick": False, "machine": "A CPU", "cpus": [2, 3], "threads": 2,
        "commit": "abc123", "network": "sMLPNet tiny at 224", "config": {"classes": 3}, "gmacs": 5.0,
        "rounds": 3, "seconds": 1.5, "load": 0.1,
        "peaks": {"fp32": 400.0, "bf16": 800.0}, "isas": {"fp32": "avx2", "bf16": "avx512"},
        "versions": {"openvino": "9.8", "torch": None}, "reference": "torch-fp32", "reference_classes": 4,
        "answers": [{"who": "smlp", "precision": "bf16", "error": 0.004, "same_top1": 15, "pictures": 16},
                    {"who": "openvino-bf16", "precision": "bf16", "error": 0.006, "same_top1": 16, "pictures": 16}],
        "results": [{"peer": "openvino-bf16", "batch": 1, "effective": "bf16 in 2 of 2 products", "choice": "1 stream",
                     "ours": [20.0, 40.0, 60.0], "theirs": [10.0, 20.0, 30.0], "disturbance": 0.0}],
        "failures": [{"peer": "openvino-bf16", "batch": 8, "reason": "out of | memory"},
                     {"peer": "torch-fp32", "batch": 1, "reason": "not installed: offline"}]}


class Summary(unittest.TestCase):
    def test_percentiles_lie_between_neighbours(self):
        self.assertEqual(summary.percentile([4, 1, 3, 2], 50), 2.5)
        self.assertEqual(summary.percentile([10, 20, 30, 40, 50], 25), 20)
        self.assertAlmostEqual(summary.percentile([1, 2], 75), 1.75)
        self.assertEqual(summary.percentile([7], 25), 7)
        with self.assertRaises(ValueError):
            summary.percentile([], 50)

    def test_spread_is_median_quartiles_and_extremes(self):
        self.assertEqual(summary.spread([5, 1, 2, 4, 3]), summary.Spread(3, 2, 4, 1, 5))

    def test_paired_ratios_are_blind_to_a_drift_of_both(self):
        self.assertEqual(summary.paired_ratios([2.0, 4.0, 8.0], [1.0, 2.0, 4.0]), [2.0, 2.0, 2.0])
        with self.assertRaises(ValueError):
            summary.paired_ratios([1.0], [])


class Accuracy(unittest.TestCase):
    reference = [[1.0, -4.0, 2.0], [0.0, 3.0, 1.0]]

    def test_error_is_relative_to_the_largest_logit(self):
        got = accuracy.compare([[1.0, -4.2, 2.0], [0.0, 3.0, 1.0]], self.reference)
        self.assertAlmostEqual(got.error, 0.05)
        self.assertEqual((got.same_top1, got.pictures), (2, 2))
        self.assertIn("relative error 0.05", got.wrong("fp32"))
        self.assertEqual(got.wrong("bf16"), "")

    def test_another_best_class_is_counted(self):
        got = accuracy.compare([[2.5, -4.0, 2.0], [0.0, 3.0, 1.0]], self.reference)
        self.assertEqual((got.same_top1, got.pictures), (1, 2))

    def test_not_a_number_anywhere_is_wrong(self):
        for place in range(3):
            row = [1.0, -4.0, 2.0]
            row[place] = math.nan
            got = accuracy.compare([row, self.reference[1]], self.reference)
            self.assertTrue(got.wrong("bf16"))

    def test_sizes_must_agree(self):
        with self.assertRaises(ValueError):
            accuracy.compare(self.reference[:1], self.reference)
        with self.assertRaises(ValueError):
            accuracy.compare([[1.0], [2.0]], self.reference)

    def test_logits_are_read_as_rows(self):
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "logits"
            path.write_bytes(array("f", [1, 2, 3, 4, 5, 6]).tobytes())
            self.assertEqual([list(row) for row in accuracy.read_logits(path, 3)], [[1, 2, 3], [4, 5, 6]])
            with self.assertRaises(ValueError):
                accuracy.read_logits(path, 4)


class FakeWorker:
    """Answers `run` with the next speed; writes down who ran, and uses `idle_cpu` whenever it is looked at."""

    def __init__(self, name, log, speeds, idle_cpu=0.0):
        self.name, self.log, self.speeds, self.idle_cpu, self.cpu = name, log, list(speeds), idle_cpu, 0.0

    def ask(self, command, limit):
        self.log.append(self.name)
        return {"executions": self.speeds.pop(0), "seconds": 2.0}

    def cpu_seconds(self):
        self.cpu += self.idle_cpu
        return self.cpu


class Duel(unittest.TestCase):
    def setUp(self):
        self.addCleanup(setattr, duel, "PAUSE", duel.PAUSE)
        duel.PAUSE = 0

    def test_the_two_alternate_and_the_first_round_does_not_count(self):
        log = []
        turns = duel.fight(FakeWorker("A", log, [1, 10, 20]), FakeWorker("B", log, [1, 5, 5]), 4, 2, 0.1, 1)
        self.assertEqual("".join(log), "ABABAB")
        self.assertEqual((turns.ours, turns.theirs), ([20.0, 40.0], [10.0, 10.0]))
        self.assertEqual(turns.ratio().median, 3.0)
        self.assertEqual(turns.disturbance, 0.0)

    def test_an_idle_side_that_works_is_noticed(self):
        turns = duel.fight(FakeWorker("A", [], [1, 1]), FakeWorker("B", [], [1, 1], idle_cpu=1.0), 1, 1, 0.1, 1)
        self.assertEqual(turns.disturbance, 0.5)


class StagedContest(Contest):
    """Without programs: `meet` fails for one peer, and the answers are what the test says."""

    def __init__(self, given, failing):
        environment = types.SimpleNamespace(failures={"openvino": "not installed: offline"},
                                            versions=lambda: {"onnxruntime": "1"})
        super().__init__(given, environment, types.SimpleNamespace(root="/"), lambda text: None)
        self.failing = failing

    def prepare_network(self):
        self.network = types.SimpleNamespace(title="net", config={"classes": 2}, gmacs=1.0, onnx={}, checkpoint="")

    def prepare_pictures(self):
        self.pictures = ""

    def measure_peak(self, precision):
        self.peaks, self.isas = {"fp32": 1.0}, {"fp32": "avx2"}

    def compute_reference(self):
        self.reference, self.reference_peer = [[1.0, 2.0]], catalog.REFERENCE

    def meet(self, peer, batch):
        if peer.name == self.failing:
            raise WorkerFailed("no memory")
        if peer.package in self.environment.failures:
            self.peer_worker(peer)
        return {"peer": peer.name, "batch": batch, "ours": [2.0], "theirs": [1.0], "effective": "", "choice": ""}


class Contests(unittest.TestCase):
    def test_what_fails_is_reported_and_the_rest_goes_on(self):
        given = options.parse(["--batch-sizes", "1,2", "--peers", "torch-fp32,openvino-fp32,onnxruntime-fp32"])
        report = StagedContest(given, failing="torch-fp32").hold()
        self.assertEqual([(r["peer"], r["batch"]) for r in report["results"]],
                         [("onnxruntime-fp32", 1), ("onnxruntime-fp32", 2)])
        self.assertEqual([(f["peer"], f["reason"]) for f in report["failures"]],
                         [("torch-fp32", "no memory")] * 2 + [("openvino-fp32", "not installed: offline")] * 2)
        self.assertEqual(table.markdown(report).count("not timed"), 4)

    def test_a_peer_needs_all_of_its_packages(self):
        contest = StagedContest(options.parse([]), failing="")
        contest.environment.failures = {"nncf": "not installed: no wheel"}
        with self.assertRaisesRegex(WorkerFailed, "no wheel"):
            contest.peer_worker(catalog.find("openvino-int8"))

    def test_wrong_answers_are_refused_and_the_worst_is_kept(self):
        contest = StagedContest(options.parse([]), failing="")
        contest.compute_reference()
        worker = types.SimpleNamespace(name="somebody")
        for logits, refused in (([1.0, 2.1], False), ([1.0, 2.0], False), ([2.0, 1.0], True)):
            contest.logits_of = lambda _, logits=logits: [logits]
            if refused:
                with self.assertRaisesRegex(WorkerFailed, "wrong answers: relative error 0.5"):
                    contest.check("somebody", worker, "bf16")
            else:
                contest.check("somebody", worker, "bf16")
                self.assertAlmostEqual(contest.answers["somebody", "bf16"].error, 0.05)
        self.assertEqual(contest.answers["somebody", "bf16"].error, 0.5)


class Table(unittest.TestCase):
    def test_a_result_is_one_row_with_shares_of_peak(self):
        row = table.rows_of(saved_run())[1]
        # 2 * 5 GMAC * 20 images/s of 800 GFLOP/s are 25 %.
        self.assertEqual(row, ["bf16", "OpenVINO", "1", "20.0 (15.0..25.0)", "40.0 (30.0..50.0)", "2.00 (2.00..2.00)",
                               "25.0", "50.0", "1 stream"])

    def test_failures_stand_in_the_table_with_their_reason(self):
        rows = table.rows_of(saved_run())
        self.assertEqual([row[:4] for row in rows],
                         [["fp32", "PyTorch eager", "1", "not timed: not installed: offline"],
                          ["bf16", "OpenVINO", "1", "20.0 (15.0..25.0)"],
                          ["bf16", "OpenVINO", "8", "not timed: out of / memory"]])

    def test_every_row_of_the_page_has_its_titles_cells(self):
        page = table.markdown(saved_run())
        for part in ("2031-02-03", "A CPU", "2 threads on CPU 2, 3", "abc123", "openvino 9.8", "torch (not installed)",
                     "bf16 800 GFLOP/s (avx512 kernels)", "| bf16 | smlp | avx512 kernels | 4.0e-03 | 15 of 16 |",
                     "| bf16 | OpenVINO | bf16 in 2 of 2 products | 6.0e-03 | 16 of 16 |"):
            self.assertIn(part, page)
        for block in page.split("\n\n"):
            if block.startswith("|"):
                self.assertEqual(len({line.count("|") for line in block.strip().splitlines()}), 1)

    def test_a_busy_machine_is_named(self):
        self.assertNotIn("Other programs", table.markdown(saved_run()))
        self.assertIn("Other programs ran: load 3.0", table.markdown({**saved_run(), "load": 3.0}))

    def test_a_page_without_any_result_can_be_made(self):
        report = {**saved_run(), "results": [], "answers": []}
        self.assertIn("not timed", table.markdown(report))

    def test_comma_separated_values_keep_every_number(self):
        rows = list(csv.DictReader(io.StringIO(table.comma_separated(saved_run()))))
        self.assertEqual(len(rows), 3)
        self.assertEqual((rows[0]["smlp / peer median"], rows[0]["peer images/s least"], rows[0]["version"]),
                         ("2", "10", "9.8"))
        self.assertEqual(rows[1]["failure"], "out of | memory")


class Readme(unittest.TestCase):
    page = (f"# Title\n\n{readme.BEGIN}\nold\n{readme.END}\n\nbetween\n\n{readme.BEGIN_INT8}\nold int8\n{readme.END}\n\n"
            "rest\n")

    def test_only_what_is_between_the_markers_changes(self):
        once = readme.replaced(self.page, "| new |\n")
        self.assertEqual(once, self.page.replace("\nold\n", "\n\n| new |\n\n"))
        self.assertEqual(readme.replaced(once, "| new |"), once)
        other = readme.replaced(self.page, "| new |\n", readme.BEGIN_INT8)
        self.assertEqual(other, self.page.replace("\nold int8\n", "\n\n| new |\n\n"))

    def test_missing_or_doubled_markers_are_refused(self):
        for page in ("", self.page + self.page, f"{readme.END}\n{readme.BEGIN}"):
            with self.assertRaises(ValueError):
                readme.replaced(page, "new")

    def test_the_newest_full_run_is_taken(self):
        import json
        with tempfile.TemporaryDirectory() as name:
            directory = Path(name)
            page = directory / "README.md"
            page.write_text(self.page)
            with self.assertRaises(ValueError):
                readme.update(page, directory)
            for date, quick in (("2031-01-01 00:00", False), ("2031-02-01 00:00", False), ("2031-03-01 00:00", True)):
                (directory / f"{date[:10]}.json").write_text(json.dumps({**saved_run(), "date": date, "quick": quick}))
            self.assertEqual(readme.update(page, directory), "2031-02-01 00:00")
            self.assertIn("2031-02-01 00:00", page.read_text())
            self.assertIn("old int8", page.read_text())

    def test_runs_of_one_commit_and_machine_are_one(self):
        import json

        def run(date, peer, batch, ours, **other):
            result = {**saved_run()["results"][0], "peer": peer, "batch": batch, "ours": [ours]*3}
            return {**saved_run(), "date": date, "results": [result], "failures": [], **other}

        with tempfile.TemporaryDirectory() as name:
            directory = Path(name)
            runs = [run("2031-01-01 00:01", "openvino-bf16", 1, 55.5), run("2031-01-01 00:02", "openvino-bf16", 8, 66.6),
                    run("2031-01-01 00:03", "openvino-bf16", 1, 77.7, peaks={"bf16": 900.0}),
                    run("2031-01-01 00:00", "openvino-fp32", 4, 88.8, commit="older")]
            for report in runs:
                (directory / f"{report['date'].replace(' ', '_')}.json").write_text(json.dumps(report))
            report = readme.newest(directory)[readme.BEGIN]
            self.assertEqual([row[1:5:3] for row in table.rows_of(report)],
                             [["OpenVINO", "77.7 (77.7..77.7)"], ["OpenVINO", "66.6 (66.6..66.6)"]])
            self.assertEqual((report["date"], report["peaks"]["bf16"]), ("2031-01-01 00:03", 900.0))

    def test_a_run_of_int8_alone_has_a_place_of_its_own(self):
        import json
        result = {**saved_run()["results"][0], "peer": "openvino-int8"}
        answers = [{**answer, "precision": "int8"} for answer in saved_run()["answers"][:1]]
        report = {**saved_run(), "date": "2031-04-01 00:00", "results": [result], "failures": [], "answers": answers,
                  "peaks": {"int8": 1600.0}, "isas": {"int8": "amx"}, "versions": {"openvino": "9.8", "nncf": "7.6"}}
        with tempfile.TemporaryDirectory() as name:
            directory = Path(name)
            page = directory / "README.md"
            page.write_text(self.page)
            (directory / "2031-04-01.json").write_text(json.dumps(report))
            readme.update(page, directory)
            text = page.read_text()
            self.assertIn("\nold\n", text)
            self.assertNotIn("old int8", text)
            self.assertIn("| int8 | OpenVINO, NNCF | 1 | ", text)
            self.assertIn("openvino 9.8, nncf 7.6", text)

    def test_the_projects_readme_has_the_markers(self):
        page = (Path(__file__).resolve().parents[2] / "docs/performance.md").read_text()
        for begin in (readme.BEGIN, readme.BEGIN_INT8):
            self.assertIn("| table |", readme.replaced(page, "| table |", begin))


class CommandLine(unittest.TestCase):
    def test_defaults(self):
        given = options.parse([])
        self.assertEqual((given.batch_sizes, given.peers), ([1, 4, 8, 16, 32, 64], catalog.DEFAULT))
        self.assertEqual((given.docs, given.quick, given.upgrade, given.calibrate), (False, False, False, ""))
        self.assertTrue(options.parse(["--docs"]).docs)

    def test_quick_is_short_and_yields_to_what_is_said(self):
        given = options.parse(["--quick", "--batch-sizes", "3"])
        self.assertEqual((given.batch_sizes, given.rounds), ([3], 3))
        self.assertTrue(given.quick)

    def test_nonsense_is_refused(self):
        for bad in (["--batch-sizes", "0"], ["--peers", "nobody"], ["--network", "no/such.pth"], ["--seconds", "nan"],
                    ["--calibrate", "no/such"]):
            with self.assertRaises(SystemExit), self.quiet():
                options.parse(bad)

    @staticmethod
    def quiet():
        import contextlib
        return contextlib.redirect_stderr(io.StringIO())


if __name__ == "__main__":
    unittest.main()
