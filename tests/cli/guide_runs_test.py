#!/usr/bin/env python3
"""`smlp infer`: runs that were interrupted, resumed, kept or replaced, and the record that each leaves."""

import hashlib
import json
import os
import re
import shutil
import subprocess

import guide  # before NumPy, without which it skips the test
from guide import InferringTest, checkpoint, kill_often, results_of, run, tree
import numpy as np


class RunsTest(InferringTest):
    def many_bins(self):
        for i in range(400):
            self.rows[i % 21].tofile(self.bins / f"batch-{i:05}.bin")

    def test_killed_at_any_moment_it_goes_on_to_the_same_bytes(self):
        self.many_bins()
        for packed in ([], ["--packed"], ["--outfmt", "TXT"], ["--outfmt", "BIN"]):
            with self.subTest(packed=packed):
                self.infer("--output_dirname", "expected", "--batchsize", 8, "--loop", 30, *packed,
                           out=self.dir / f"e{packed}", check=0)
                folder = self.dir / f"k{packed}" / "killed"

                def check_whole():
                    for path in folder.glob("*.npy"):
                        self.assertEqual(np.load(path).shape[1], 10)

                arguments = ["infer", "--model", self.net, "--input", self.bins, "--output", folder.parent, "--output_dirname",
                             folder.name, "--batchsize", 8, "--loop", 30, "--resume", *packed]
                status, out, err, kills = kill_often(arguments, len("".join(packed)), check_whole)
                self.assertEqual(status, 0, out + err)
                self.assertGreater(kills, 2, "too fast to be killed: more inputs are needed")
                self.assertEqual(results_of(folder), results_of(self.dir / f"e{packed}" / "expected"))

    def test_resume_skips_what_is_whole_and_only_that(self):
        self.infer("--output_dirname", "x", check=0)
        before = results_of(self.out / "x")
        (self.out / "x" / "batch-00004_0.npy").unlink()
        half = self.out / "x" / "batch-00009_0.npy"
        half.write_bytes(half.read_bytes()[:100])
        done = self.infer("--output_dirname", "x", "--resume", check=0)
        self.assertIn("19 inputs had their results", done.stdout)
        self.assertEqual(results_of(self.out / "x"), before)
        summary = (self.out / "x_summary.json").read_bytes()
        self.infer("--output_dirname", "x", "--resume", check=0)  # nothing left: the summary with the timings stays
        self.assertEqual((self.out / "x_summary.json").read_bytes(), summary)

    def interrupt(self, *arguments, **options):
        """A run that stops after some results, as one that was killed does."""
        done = self.infer(*arguments, **{"limit_bytes": 3000, **options})
        self.assertEqual(done.returncode, 1, done.stdout)

    def test_resume_without_a_name_finds_the_one_interrupted_run(self):
        self.infer("--output_dirname", "finished", check=0)
        self.interrupt("--output_dirname", "named")
        self.assertLess(len(list((self.out / "named").glob("*.npy"))), 21)
        self.infer("--resume", check=0)
        self.assertEqual(sorted(p.name for p in self.out.iterdir() if p.is_dir()), ["finished", "named"])
        np.testing.assert_array_equal(self.logits(self.out / "named"), self.reference())
        self.infer("--resume", check=0)  # none is left: a new one
        self.assertEqual(len([p for p in self.out.iterdir() if p.is_dir()]), 3)

    def test_resume_without_a_name_refuses_where_two_could_be_meant(self):
        for name in ("one", "two"):
            self.interrupt("--output_dirname", name)
        self.interrupt("--output_dirname", "other", "--outfmt", "BIN")
        before = tree(self.out)
        done = self.infer("--resume")
        self.assert_error(done, "2 interrupted runs: one, two", "--output_dirname")
        self.assertEqual(tree(self.out), before)
        self.infer("--resume", "--outfmt", "BIN", check=0)  # only one of them is of this format
        self.assertTrue((self.out / "other_summary.json").exists())
        self.assert_error(self.infer("--resume", "--outfmt", "TXT"), "one, two", "--output_dirname")

    def test_a_damaged_result_does_not_count_as_finished(self):
        """Every result is proved whole by its hash, whatever its format: cut, emptied or zeroed, as power cuts leave it."""
        for arguments, name in (([], "batch-00004_0.npy"), (["--outfmt", "TXT"], "batch-00004_0.txt"),
                                (["--outfmt", "BIN"], "batch-00004_0.bin"), (["--packed"], "packed_0.npy"),
                                (["--packed"], "packed_names.tsv")):
            for damage in (lambda b: b"", lambda b: b[:-1], lambda b: b[: len(b) // 2], lambda b: b[:-40] + bytes(40),
                           lambda b: bytes(len(b))):
                with self.subTest(arguments=arguments, name=name):
                    shutil.rmtree(self.out, ignore_errors=True)
                    self.infer("--output_dirname", "x", *arguments, check=0)
                    before = results_of(self.out / "x")
                    path = self.out / "x" / name
                    path.write_bytes(damage(path.read_bytes()))
                    self.infer("--output_dirname", "x", "--resume", *arguments, check=0)
                    self.assertEqual(results_of(self.out / "x"), before)

    def test_a_result_that_somebody_changed_is_not_lost(self):
        for arguments, name in (([], "batch-00004_0.npy"), (["--outfmt", "TXT"], "batch-00004_0.txt"),
                                (["--packed"], "packed_0.npy"), (["--packed"], "packed_names.tsv")):
            shutil.rmtree(self.out, ignore_errors=True)
            self.infer("--output_dirname", "x", *arguments, check=0)
            path = self.out / "x" / name
            kept = path.read_bytes()
            for content in (b"my own notes", kept + b"0", b"mine" + kept):
                with self.subTest(name=name, content=content[:20]):
                    path.write_bytes(content)
                    self.assert_error(self.infer("--output_dirname", "x", "--resume", *arguments), path, "has changed", "move it")
                    self.assertEqual(path.read_bytes(), content)
            path.unlink()
            self.infer("--output_dirname", "x", "--resume", *arguments, check=0)
            self.assertEqual(path.read_bytes(), kept)

    def test_a_packed_array_cut_at_any_place_goes_on_to_the_same_bytes(self):
        self.infer("--output_dirname", "whole", "--packed", check=0)
        whole = results_of(self.out / "whole")
        # As a run leaves it that is killed just before its array gets its name.
        self.infer("--output_dirname", "x", "--packed", check=0)
        part = self.out / "x" / ".packed_0.npy.part"
        state = (self.out / "x" / "packed_0.npy").read_bytes()
        lines = (self.out / "x" / ".smlp-run.jsonl").read_text().splitlines(keepends=True)
        record = "".join(lines[:1] + [line for line in lines
                                         if '"stem"' in line or ".smlp-inputs.jsonl" in line]).encode()
        for path in ("x/packed_0.npy", "x/packed_names.tsv", "x_summary.json"):
            (self.out / path).unlink()
        for size in list(range(0, len(state), 131)) + [len(state)]:
            for content in (state[:size], state[:size] + bytes(len(state) - size)):
                part.write_bytes(content)
                (self.out / "x" / ".smlp-run.jsonl").write_bytes(record)
                self.infer("--output_dirname", "x", "--packed", "--resume", check=0)
                self.assertEqual(results_of(self.out / "x"), whole)
                (self.out / "x" / "packed_0.npy").unlink()
                (self.out / "x" / "packed_names.tsv").unlink()
                (self.out / "x_summary.json").unlink()

    def test_resume_goes_on_only_where_the_results_are_the_same_to_the_bit(self):
        """One thing changes at a time: each is refused or gives the same bytes, as `infer --help` and the docs say."""
        other = self.dir / "other.safetensors"
        checkpoint(other, seed=4)
        names = self.dir / "names.txt"
        names.write_text("".join(f"kind {i}\n" for i in range(10)))
        some = ",".join(str(self.bins / f"batch-{i:05}.bin") for i in range(20))
        moved = self.dir / "moved"
        shutil.copytree(self.bins, moved)  # with the files' times
        same = [["--batchsize", 5], ["--threads", 1], ["--mode", "latency"], ["--loop", 3], ["--warmup_count", 0], ["--pin"],
                ["--classes", names], ["--input", moved]]
        refused = [(["--model", other], "model"), (["--precision", "bf16"], "precision (fp32 there, bf16 now)"),
                   (["--isa", "reference"], "instruction set"), (["--outfmt", "TXT"], "format"), (["--packed"], "packing"),
                   (["--input", some], "inputs")]
        arguments = lambda change: [v for k, v in {"--model": self.net, "--input": self.bins, "--output": self.out,
                                                   "--output_dirname": "x", **change}.items() for v in ([k] if v is None else [k, v])]
        as_dict = lambda words: dict(zip(words[::2], words[1::2])) if len(words) % 2 == 0 else {words[0]: None}
        self.reference()
        self.interrupt("--output_dirname", "x")
        before = tree(self.out)
        for words, what in refused:
            with self.subTest(words=words):
                self.assert_error(run("infer", *arguments(as_dict(words)), "--resume"), "cannot resume", what)
                self.assertEqual(tree(self.out), before)
        victim = self.bins / "batch-00020.bin"  # one that has no result yet
        times = victim.stat().st_mtime_ns
        os.utime(victim, ns=(times, times + 1))
        self.assert_error(run("infer", *arguments({}), "--resume"), "inputs")
        os.utime(victim, ns=(times, times))
        record = self.out / "x" / ".smlp-run.jsonl"
        text = record.read_text()
        record.write_text(re.sub(r'"program":"[^"]*"', '"program":"0.0.9"', text, count=1))
        self.assert_error(run("infer", *arguments({}), "--resume"), "version of smlp")
        record.write_text(text)
        self.assertEqual(tree(self.out), before)
        for words in same:
            with self.subTest(words=words):
                shutil.rmtree(self.out)
                self.interrupt("--output_dirname", "x")
                run("infer", *arguments(as_dict(words)), "--resume", check=0)
                np.testing.assert_array_equal(self.logits(self.out / "x"), self.reference())

    def test_force_deletes_only_what_a_run_wrote_and_no_input(self):
        data = self.dir / "fd" / "in"
        data.mkdir(parents=True)
        for name in ("sensor_0.bin", "sensor_1.bin"):
            self.rows[0].tofile(data / name)
        (data / "notes_0.txt").write_text("mine")
        before = tree(self.dir / "fd")
        self.assert_error(self.infer("--output_dirname", "in", "--force", source=data, out=data.parent), data, "no run of smlp")
        self.assertEqual(tree(self.dir / "fd"), before)
        # A folder of ours with files of the user beside the results: those stay, with names like results too.
        self.infer("--output_dirname", "x", check=0)
        for name in ("sensor_0.bin", "notes_0.txt", "batch-00030_0.npy", "packed_0.npy"):
            (self.out / "x" / name).write_text("mine")
        self.infer("--output_dirname", "x", "--outfmt", "BIN", "--force", check=0)
        names = {p.name for p in (self.out / "x").iterdir()}
        self.assertEqual(names, {f"batch-{i:05}_0.bin" for i in range(21)} | {
            ".smlp-run.jsonl", ".smlp-inputs.jsonl", "sensor_0.bin", "notes_0.txt", "batch-00030_0.npy",
            "packed_0.npy"})
        self.assertEqual((self.out / "x" / "packed_0.npy").read_text(), "mine")
        # A result that was changed since, or that is an input now: nothing goes.
        before = tree(self.out)
        results = self.out / "x" / "batch-00003_0.bin"
        kept = results.read_bytes()
        results.write_bytes(kept[:-1] + b"x")
        self.assert_error(self.infer("--output_dirname", "x", "--force"), results, "has changed")
        results.write_bytes(kept)
        self.assertEqual(tree(self.out), before)
        link = self.dir / "link.bin"
        self.infer("--output_dirname", "y", "--pure_data_type", "zero", check=0)
        zeros = self.out / "z"
        zeros.mkdir()
        run("infer", "--model", self.net, "--input", self.bins / "batch-00000.bin", "--output", self.out, "--output_dirname",
            "small", check=0)
        result = self.out / "small" / "batch-00000_0.npy"
        os.link(self.bins / "batch-00000.bin", link)
        result.unlink()
        os.link(link, result)
        self.assert_error(self.infer("--output_dirname", "small", "--force"), result)
        self.assertTrue(result.exists())
        # A summary of the user.
        (self.out / "s_summary.json").write_text("mine")
        self.assert_error(self.infer("--output_dirname", "s", "--force"), "s_summary.json")
        self.assertEqual((self.out / "s_summary.json").read_text(), "mine")

    def test_a_record_that_lists_files_elsewhere_deletes_none(self):
        self.infer("--output_dirname", "x", check=0)
        victim = self.dir / "victim"
        victim.write_text("mine")
        line = {"file": "../../victim", "bytes": 4, "sha256": hashlib.sha256(b"mine").hexdigest()}
        with open(self.out / "x" / ".smlp-run.jsonl", "a") as record:
            record.write(json.dumps(line) + "\n")
        before = tree(self.out)
        self.assert_error(self.infer("--output_dirname", "x", "--force"), "../../victim")
        self.assertTrue(victim.exists())
        self.assertEqual(tree(self.out), before)

    def test_the_folder_and_the_summary_say_where_results_come_from(self):
        self.infer("--output_dirname", "x", check=0)
        header = json.loads((self.out / "x" / ".smlp-run.jsonl").read_text().splitlines()[0])
        summary = json.loads((self.out / "x_summary.json").read_text())
        self.assertEqual(header["provenance"], summary["smlp"]["provenance"])
        origin = header["provenance"]
        self.assertEqual(origin["model"], {"file": str(self.net), "sha256": hashlib.sha256(self.net.read_bytes()).hexdigest()})
        self.assertEqual(origin["precision"], "fp32")
        self.assertRegex(origin["inputs_sha256"], "^[0-9a-f]{64}$")
        self.assertEqual(origin["program"]["version"], run("--version", check=0).stdout.split()[1])
        for key in ("isa", "threads", "preprocess"):
            self.assertTrue(origin[key], key)

    def test_inputs_whose_results_nobody_would_find(self):
        for name in ("packed.bin", ".bin"):
            data = self.dir / "odd"
            shutil.rmtree(data, ignore_errors=True)
            data.mkdir()
            shutil.copy(self.bins / "batch-00000.bin", data / name)
            done = self.infer("--output_dirname", "x", source=data / name)
            self.assert_error(done, data / name, "rename it")
            self.infer("--output_dirname", "x", "--packed", source=data / name, check=0)
            shutil.rmtree(self.out)

    def test_resume_and_force_exclude_each_other(self):
        self.assertEqual(self.infer("--output_dirname", "x", "--resume", "--force").returncode, 2)

    def test_results_are_kept_unless_forced_and_not_mixed(self):
        self.infer("--output_dirname", "x", check=0)
        before = tree(self.out)
        self.assert_error(self.infer("--output_dirname", "x"), self.out / "x", "--resume", "--force")
        self.assert_error(self.infer("--output_dirname", "x", "--resume", "--outfmt", "BIN"), self.out / "x")
        checkpoint(self.net, seed=4)
        self.assert_error(self.infer("--output_dirname", "x", "--resume"), self.out / "x")
        self.assertEqual(tree(self.out), before)
        self.infer("--output_dirname", "x", "--outfmt", "BIN", "--force", check=0)
        self.assertEqual(len(list((self.out / "x").glob("*.npy"))), 0)
        (self.out / "y").mkdir()
        (self.out / "y" / "letter.txt").write_text("mine")
        self.assert_error(self.infer("--output_dirname", "y"), self.out / "y")
        self.assertEqual(sorted(p.name for p in (self.out / "y").iterdir()), ["letter.txt"])

    def test_two_runs_in_one_second_get_folders_of_their_own(self):
        processes = [subprocess.Popen([guide.SMLP, "infer", "--model", self.net, "--input", self.bins, "--output", self.out],
                                      stdout=subprocess.DEVNULL) for _ in range(3)]
        self.assertEqual([p.wait() for p in processes], [0, 0, 0])
        folders = [p for p in self.out.iterdir() if p.is_dir()]
        self.assertEqual(len(folders), 3)
        for folder in folders:
            np.testing.assert_array_equal(self.logits(folder), self.reference())

    def test_a_full_disk_is_named_and_the_run_goes_on_afterwards(self):
        self.reference()
        self.many_bins()
        for packed in ([], ["--packed"]):
            name = "x" + "".join(packed)
            done = self.infer("--output_dirname", name, *packed, limit_bytes=6000 if packed else 150)
            self.assert_error(done, self.out / name)
            self.infer("--output_dirname", name, "--resume", *packed, check=0)
            whole = (np.load(self.out / name / "packed_0.npy") if packed
                     else np.concatenate([np.load(self.out / name / f"batch-{i:05}_0.npy") for i in range(400)]))
            np.testing.assert_array_equal(whole[:21], self.reference()[:21])
            self.assertEqual(whole.shape, (400, 10))

    def test_flags_that_do_not_go_together(self):
        self.assert_error(run("infer", "--model", self.net, "--packed"), "--output", status=2)
        self.assert_error(self.infer("--output_dirname", "a/b"), "output_dirname", status=2)
        self.assert_error(self.infer("--outfmt", "CSV"), "outfmt", status=2)
        self.assert_error(self.infer("--batchsize", "0"), "batchsize", status=2)


if __name__ == "__main__":
    guide.main()
