#!/usr/bin/env python3
"""The same pictures as files, folders, lists, archives and shards give the same answers; hostile inputs give one line.

    inputs_test.py --smlp BIN [unittest arguments]

Archives are written by Python's tarfile and GNU tar; where the webdataset library is installed, shards are read by it
as well.
"""

import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
import unittest
from pathlib import Path

import guide
from guide import checkpoint, image_folder, run

FORMATS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}


def add(archive, name, content):
    info = tarfile.TarInfo(name)
    info.size = len(content)
    archive.addfile(info, io.BytesIO(content))


def write_tar(path, members, kind="pax"):
    with tarfile.open(path, "w", format=FORMATS[kind]) as archive:
        for name, content in members:
            add(archive, name, content)


class InputsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.root = Path(tempfile.mkdtemp())
        cls.data = cls.root / "data"
        image_folder(cls.data, classes=3, each=5)
        checkpoint(cls.root / "m.safetensors", classes=3)
        (cls.root / "names.txt").write_text("class_0\nclass_1\nclass_2\n")
        cls.files = sorted(p.relative_to(cls.root) for p in cls.data.rglob("*.png"))
        cls.expected = cls.classify(*cls.files)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.root)

    def setUp(self):
        self.dir = Path(tempfile.mkdtemp(dir=self.root))

    @classmethod
    def model(cls):
        return ("--model", cls.root / "m.safetensors", "--classes", cls.root / "names.txt")

    @classmethod
    def classify(cls, *words, check=0, **options):
        """The answers' texts, without the names of the files, and these names."""
        done = run("classify", *words, "--json", "--top", 3, *cls.model(), check=check, cwd=cls.root, **options)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        return [json.dumps(line["top"]) for line in lines], [line["file"] for line in lines]

    def evaluate(self, *words, check=0, **options):
        done = run("evaluate", *words, "--json", *self.model(), check=check, cwd=self.root, **options)
        result = json.loads(done.stdout)
        counts = [(c["index"], c["images"], c["acc1"], c["mistaken_for"]) for c in result["per_class"]]
        return (result["images"], result["acc1"], result["acc5"], counts), result

    def members(self):
        return [(str(p.relative_to("data")), (self.root / p).read_bytes()) for p in self.files]

    def error(self, *words, command="classify", **options):
        done = run(command, *words, *self.model(), check=1, cwd=self.root, **options)
        self.assertNotIn("\x1b", done.stderr)
        return done.stderr

    def shard(self, path, members, label):
        """`label` gives the label's suffix and text of a class."""
        pairs = []
        for name, content in members:
            suffix, text = label(name.split("/")[0])
            base = name.replace("/", "_").rsplit(".", 1)[0]
            pairs += [(f"{base}.png", content), (f"{base}.{suffix}", text.encode())]
        write_tar(path, pairs)

    # The same answers, byte for byte.

    def test_every_form_gives_the_same_answers(self):
        wanted, names = self.expected
        self.assertEqual(names, list(map(str, self.files)))
        paths = "".join(f"{p}\n" for p in self.files)
        (self.root / "list.txt").write_text(paths)
        (self.data / "beside.txt").write_text(paths.replace("data/", ""))
        labelled = "".join(f"{p} {p.parts[1][-1]}\n" for p in self.files)
        (self.root / "val.txt").write_text(labelled)
        forms = {
            "folder": ["data"],
            "commas": [",".join(map(str, self.files))],
            "list": ["@list.txt"],
            "list beside": ["@data/beside.txt"],
            "labelled list": ["@val.txt"],
        }
        for kind in FORMATS:
            write_tar(self.dir / f"{kind}.tar", self.members(), kind)
            forms[kind] = [self.dir / f"{kind}.tar"]
        subprocess.run(["tar", "-C", self.data, "--sort=name", "-cf", self.dir / "gnu-tar.tar", "class_0", "class_1",
                        "class_2"], check=True)
        forms["GNU tar"] = [self.dir / "gnu-tar.tar"]
        members = self.members()
        for i in range(3):
            self.shard(self.dir / f"s-{i:03}.tar", members[5 * i:5 * i + 5], lambda name: ("cls", name[-1]))
        forms["shards"] = [self.dir / "s-{000..002}.tar"]
        for form, words in forms.items():
            with self.subTest(form):
                answers, found = self.classify(*words)
                self.assertEqual(answers, wanted)
                self.assertEqual(len(found), 15)
        self.assertEqual(self.classify("-", input=paths)[0], wanted)
        self.assertEqual(self.classify("data", "--limit", 4), (wanted[:4], names[:4]))
        self.assertEqual(self.classify(self.dir / "gnu.tar", "--limit", 4)[0], wanted[:4])

    def test_evaluate_takes_labels_from_folders_lists_and_shards(self):
        wanted, result = self.evaluate("data")
        self.assertEqual((wanted[0], result["label_rule"]), (15, "name"))
        (self.root / "index.txt").write_text("".join(f"{p} {p.parts[1][-1]}\n" for p in self.files))
        (self.root / "name.txt").write_text("".join(f"{p}\t{p.parts[1].replace('_', ' ')}\n" for p in self.files))
        write_tar(self.dir / "folders.tar", [("x/val/" + n, c) for n, c in self.members()])
        members = self.members()
        self.shard(self.dir / "c0.tar", members[:7], lambda name: ("cls", name[-1] + "\n"))
        self.shard(self.dir / "c1.tar", members[7:], lambda name: ("json", json.dumps({"label": int(name[-1])})))
        self.shard(self.dir / "n.tar", members, lambda name: ("cls", name))
        for words, rule in [(["@index.txt"], "index"), (["@name.txt"], "name"), ([self.dir / "folders.tar"], "name"),
                            ([self.dir / "c{0..1}.tar"], "index"), ([self.dir / "c0.tar", self.dir / "c1.tar"], "index"),
                            ([self.dir / "n.tar"], "name")]:
            with self.subTest(words):
                counts, result = self.evaluate(*words)
                self.assertEqual(counts, wanted)
                self.assertEqual(result["label_rule"], rule)
        with_stdin = run("evaluate", "-", "--json", *self.model(), check=0, cwd=self.root,
                         input=(self.root / "index.txt").read_text())
        self.assertEqual(json.loads(with_stdin.stdout)["acc1"], wanted[1])
        self.assertEqual(self.evaluate("data", "--limit", 5)[0][0], 5)

    def test_labels_that_are_missing_or_unknown_are_refused(self):
        self.assertIn("has no label; give a folder per class", self.error(self.files[0], command="evaluate"))
        (self.root / "l.txt").write_text(f"{self.files[0]} 3\n")
        self.assertIn("label '3' is beyond the model's 3 classes", self.error("@l.txt", command="evaluate"))
        (self.root / "l.txt").write_text(f"{self.files[0]} dog\n")
        self.assertIn("1 of 1 labels match no class of the model by name: 'dog'",
                      self.error("@l.txt", command="evaluate"))
        self.assertIn("labels of a list or a shard have no position",
                      self.error("@l.txt", "--labels", "position", command="evaluate"))

    def flat(self):
        """The pictures under names of their own, in a folder, a list with labels, an archive and a shard."""
        folder = self.dir / "flat"
        folder.mkdir()
        members = [(name.replace("/", "_"), content) for name, content in self.members()]
        for name, content in members:
            (folder / name).write_bytes(content)
        (self.dir / "flat.txt").write_text("".join(f"flat/{name} {name[6]}\n" for name, _ in members))
        write_tar(self.dir / "flat.tar", members)
        self.shard(self.dir / "shard.tar", self.members(), lambda name: ("cls", name[-1]))
        return [folder, f"@{self.dir}/flat.txt", self.dir / "flat.tar", self.dir / "shard.tar"]

    def infer(self, word, name, *more, check=0):
        return run("infer", word, self.dir / "out", "--output-dirname", name, *self.model(), *more, check=check)

    def test_infer_writes_the_same_results(self):
        trees = []
        for i, word in enumerate(self.flat()):
            self.infer(word, f"run{i}")
            trees.append({n: d for n, d in guide.tree(self.dir / "out" / f"run{i}").items() if n.endswith(".npy")})
        self.assertEqual(len(trees[0]), 15)
        for tree in trees[1:]:
            self.assertEqual(tree, trees[0])
        # Labels of lists and shards are those that postprocess scores by.
        accuracy = self.evaluate("data")[1]["acc1"]
        for i, source in ((1, "flat.txt"), (3, "shard.tar")):
            done = run("postprocess", self.dir / "out" / f"run{i}", check=0)
            self.assertIn(f"acc@1:{accuracy:.4f}", done.stdout)
            self.assertIn(source, done.stdout)
        self.assertIn("has no label", run("postprocess", self.dir / "out/run0", check=1).stderr)

    def test_infer_resumes_the_same_inputs_only(self):
        words = self.flat()
        self.infer(words[2], "r", "--limit", 5)
        done = self.infer(words[2], "r", "--resume", "--limit", 5)
        self.assertIn("5 inputs had their results", done.stdout + done.stderr)
        self.assertIn("cannot resume", self.infer(words[2], "r", "--resume", check=1).stderr)
        os.utime(words[2], (1, 1))
        self.assertIn("cannot resume", self.infer(words[2], "r", "--resume", "--limit", 5, check=1).stderr)
        self.infer(words[1], "l")
        (self.dir / "flat.txt").write_text((self.dir / "flat.txt").read_text().replace(" 1\n", " 2\n"))
        self.assertIn("cannot resume", self.infer(words[1], "l", "--resume", check=1).stderr)

    def test_killed_runs_on_archives_resume_to_the_same_bytes(self):
        word = self.flat()[3]

        def results(name):
            files = guide.tree(self.dir / "out" / name)
            return {n: d for n, d in files.items() if n.endswith(".npy")}

        self.infer(word, "whole")
        rng = random.Random(4)
        arguments = [guide.SMLP, "infer", word, self.dir / "out", "--output-dirname", "cut", *self.model()]
        for kills in range(8):
            more = ["--resume"] if (self.dir / "out/cut/.smlp-run.jsonl").exists() else []
            running = subprocess.Popen([*map(str, arguments), *more], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(rng.uniform(0, 0.15))
            running.send_signal(signal.SIGKILL)
            running.wait()
        more = ["--resume"] if (self.dir / "out/cut/.smlp-run.jsonl").exists() else []
        self.infer(word, "cut", *more)
        self.assertEqual(results("cut"), results("whole"))

    def test_two_results_of_one_name_are_refused(self):
        self.assertIn("its result would be named 0_0, and so would that of",
                      self.infer(self.data, "same", check=1).stderr)
        write_tar(self.dir / "same.tar", self.members())
        self.assertIn("same.tar:class_1/0.png", self.infer(self.dir / "same.tar", "same", check=1).stderr)

    def test_preprocess_makes_the_same_bins(self):
        lines = "".join(f"{p}\t{p.parts[1]}\n" for p in self.files)
        (self.root / "words.txt").write_text(lines)
        (self.root / "numbers.txt").write_text("".join(f"{p} {p.parts[1][-1]}\n" for p in self.files))
        write_tar(self.dir / "folders.tar", self.members())
        self.shard(self.dir / "s.tar", self.members(), lambda name: ("cls", name[-1]))
        wanted = None
        for i, word in enumerate(["data", "@words.txt", "@numbers.txt", self.dir / "folders.tar", self.dir / "s.tar"]):
            work = self.dir / f"work{i}"
            run("preprocess", word, work / "bins", "--batch", 4, "--img-size", 32, check=0, cwd=self.root)
            again = run("preprocess", word, work / "bins", "--batch", 4, "--img-size", 32, check=0, cwd=self.root)
            self.assertIn("an earlier run had made everything", again.stdout)
            tree = {n: d for n, d in guide.tree(work).items() if n.endswith((".bin", "labels.npy"))}
            wanted = wanted or tree
            self.assertEqual(len(tree), 5)
            self.assertEqual(tree, wanted, word)
        work = self.dir / "limited"
        done = run("preprocess", "data", work / "bins", "--limit", 6, "--img-size", 32, check=0, cwd=self.root)
        self.assertIn("6 pictures", done.stdout)
        more = run("preprocess", "data", work / "bins", "--limit", 7, "--img-size", 32, check=1, cwd=self.root)
        self.assertIn("an earlier run made these bins of other pictures", more.stderr)
        done = run("preprocess", work / "bins/batch-00000.bin", self.dir / "x", check=1)
        self.assertIn("has no label", done.stderr)

    def test_what_is_written_among_the_inputs_is_no_input(self):
        """Resuming a run and running it again find the inputs that the first run found."""
        data = self.dir / "data"
        shutil.copytree(self.data, data)
        for path in data.rglob("*.png"):  # so that results have names of their own
            path.rename(path.with_name(f"{path.parent.name}_{path.name}"))
        before, _ = self.evaluate(data)

        def made():
            bins = {name: content for name, content in guide.tree(data / "bins").items() if name.endswith(".bin")}
            return bins, (data / "labels.npy").read_bytes()

        run("preprocess", data, data / "bins", "--batch", 4, "--img-size", 32, check=0)
        wanted = made()
        self.assertEqual(len(wanted[0]), 4)
        again = run("preprocess", data, data / "bins", "--batch", 4, "--img-size", 32, check=0)
        self.assertIn("an earlier run had made everything", again.stdout)
        (data / "bins/batch-00003.bin").unlink()
        run("preprocess", data, data / "bins", "--batch", 4, "--img-size", 32, check=0)
        self.assertEqual(made(), wanted)
        self.assertEqual(self.evaluate(data)[0], before)
        shutil.rmtree(data / "bins")
        (data / "labels.npy").unlink()

        run("infer", data, data, "--output-dirname", "one", *self.model(), check=0)
        run("infer", data, data, "--output-dirname", "two", *self.model(), check=0)
        done = run("infer", data, data, "--output-dirname", "one", "--resume", *self.model(), check=0)
        self.assertIn("15 inputs had their results", done.stdout + done.stderr)
        self.assertEqual((data / "one/class_0_0_0.npy").read_bytes(), (data / "two/class_0_0_0.npy").read_bytes())
        self.assertEqual(self.evaluate(data)[0], before)
        self.assertEqual(self.classify(data)[0], self.expected[0])
        self.assertIn("an array of shape", self.error(data / "one"))

    def test_bins_do_not_go_among_their_own_pictures(self):
        data = self.dir / "data"
        shutil.copytree(self.data, data)
        (self.dir / "link").symlink_to(data / "class_1")
        for place in (data, data / "class_1", self.dir / "link", data / "class_1/.."):
            done = run("preprocess", data, place, "--img-size", 32, check=1)
            self.assertIn("pictures lie in it, such as", done.stderr)
        self.assertEqual(guide.tree(data), guide.tree(self.data))

    def test_what_an_earlier_run_did_in_another_way_is_said(self):
        work = self.dir / "work"
        run("preprocess", "data", work / "bins", "--batch", 4, "--img-size", 32, check=0, cwd=self.root)
        for more, words in ((["--batch", 3, "--img-size", 32], "with 4 pictures in each, this one is to put in 3"),
                            (["--batch", 4, "--img-size", 33], "with 'resize 36 bicubic, centre crop 32, mean 0.485"),
                            (["--batch", 4, "--img-size", 32, "--crop-pct", 0.9], "to make them with 'resize 35 bicubic")):
            done = run("preprocess", "data", work / "bins", *more, check=1, cwd=self.root)
            self.assertIn(words, done.stderr)

    def test_every_command_says_what_is_doubtful_about_its_inputs(self):
        data = self.dir / "data"
        shutil.copytree(self.data, data)
        for path in data.rglob("*.png"):  # so that results have names of their own
            path.rename(path.with_name(f"{path.parent.name}_{path.name}"))
        (data / "class_0/notes.txt").write_text("x")
        whole, cut, joined = (self.dir / name for name in ("whole.tar", "cut.tar", "joined.tar"))
        write_tar(whole, [(str(p.relative_to(data)), p.read_bytes()) for p in sorted(data.rglob("*.png"))])
        members = whole.read_bytes().rstrip(b"\0")
        cut.write_bytes(members + bytes(-len(members) % 512))
        joined.write_bytes(2 * whole.read_bytes())
        model = ["--model", self.root / "m.safetensors"]
        by_place = [*model, "--labels", "position"]
        numbers = iter(range(100))

        def new():
            return self.dir / f"out{next(numbers)}" / "bins"

        commands = {
            "classify": lambda word: ["classify", word, *model],
            "evaluate": lambda word: ["evaluate", word, *by_place],
            "compare": lambda word: ["compare", "fp32", "bf16", "--data", word, *by_place],
            "infer": lambda word: ["infer", word, *model],
            "preprocess": lambda word: ["preprocess", word, new(), *model],
            "info": lambda word: ["info", *model, "--compare", "fp32,bf16", "--picture", word],
            "compile": lambda word: ["compile", *model, "--output", new(), "--precision", "int8", "--calibrate", word],
        }
        for name, command in commands.items():
            for word, remark in ((cut, "may be cut off"), (joined, "what follows the archive's end is not read")):
                done = run(*command(word), check=0)
                self.assertIn(remark, done.stdout + done.stderr, name)
            if name != "classify":  # which is silent about other files
                done = run(*command(data), check=0)
                self.assertIn("notes.txt", done.stdout + done.stderr, name)
        (data / "class_9").mkdir()
        done = run(*commands["preprocess"](data), check=0)
        self.assertIn("class folder 'class_9' holds no picture", done.stderr)

    def test_prepared_pictures_are_classified(self):
        work = self.dir / "work"
        run("preprocess", "data", work / "bins", "--batch", 4, "--model", self.root / "m.safetensors", check=0,
            cwd=self.root)
        answers, names = self.classify(work / "bins")
        self.assertEqual(answers, self.expected[0])
        self.assertEqual(names[5], f"{work}/bins/batch-00001.bin[1]")
        self.assertEqual(self.classify(work / "bins", "--limit", 8)[0], answers[:8])
        self.assertIn("--limit 9 ends within them; give --limit 8 or 12",
                      self.error(work / "bins", "--limit", "9"))

    def test_evaluate_takes_a_folder_of_bins(self):
        wanted, _ = self.evaluate("data")
        for batch in (1, 4, 15):
            bins = self.dir / f"of{batch}" / "bins"
            run("preprocess", "data", bins, "--batch", batch, "--model", self.root / "m.safetensors", check=0, cwd=self.root)
            counts, result = self.evaluate(bins)
            self.assertEqual((counts, result["label_rule"], result["label_source"]), (wanted, "name", "folders"))
        answers = self.dir / "answers.jsonl"
        self.evaluate(bins, "--predictions", answers)
        rows = [json.loads(line) for line in answers.read_text().splitlines()]
        self.assertEqual([row["file"] for row in rows[3:5]], [f"{bins}/batch-00000.bin[3]", f"{bins}/batch-00000.bin[4]"])
        self.assertEqual([row["label"] for row in rows], [i // 5 for i in range(15)])
        parts = []
        for part in (1, 2):
            parts.append(self.dir / f"part{part}.json")
            parts[-1].write_text(run("evaluate", self.dir / "of4/bins", "--shard", f"{part}/2", "--json", *self.model(),
                                     check=0).stdout)
        merged = json.loads(run("merge", *parts, "--json", check=0).stdout)
        self.assertEqual(tuple(merged[key] for key in ("images", "acc1", "acc5")), wanted[:3])

    def test_bins_of_another_tool_have_numbers_of_classes(self):
        wanted, _ = self.evaluate("data")
        bins = self.dir / "other" / "bins"
        run("preprocess", "data", bins, "--batch", 4, "--model", self.root / "m.safetensors", check=0, cwd=self.root)
        (bins / ".smlp-preprocess.jsonl").unlink()
        (self.dir / "other" / "manifest.jsonl").unlink()
        counts, result = self.evaluate(bins)
        self.assertEqual((counts, result["label_rule"], result["label_source"]), (wanted, "index", "bins"))
        self.assertIn("3 labels of labels.npy are numbers of the model's classes",
                      run("evaluate", bins, *self.model(), check=0).stdout)
        (bins / "batch-00003.bin").write_bytes((bins / "batch-00000.bin").read_bytes())
        self.assertIn("batch-00003.bin: holds 4 pictures, and has labels for 3", self.error(bins, command="evaluate"))
        (bins / "batch-00003.bin").unlink()
        self.assertIn("has labels of 4 bins", self.error(bins, command="evaluate"))
        (self.dir / "other" / "labels.npy").unlink()
        self.assertIn("its bins have no labels: ", self.error(bins, command="evaluate"))

    # Hostile inputs: one line, exit 1, no crash.

    def test_archives_cut_anywhere_are_errors_or_shorter(self):
        write_tar(self.dir / "a.tar", self.members()[:3])
        whole = (self.dir / "a.tar").read_bytes()
        cut = self.dir / "cut.tar"
        for size in [*range(0, len(whole), 512), 1, 511, 513, len(whole) - 1]:
            cut.write_bytes(whole[:size])
            done = run("classify", cut, "--json", *self.model())
            self.assertIn(done.returncode, (0, 1), size)
            self.assertEqual(done.returncode == 1, "error" in done.stderr, done.stderr)
            if done.returncode == 0 and len(done.stdout.splitlines()) < 3:
                self.assertIn("may be cut off", done.stderr)

    def test_members_that_are_no_plain_files(self):
        for kind, words in {tarfile.SYMTYPE: "is a symbolic link", tarfile.LNKTYPE: "is a hard link", tarfile.FIFOTYPE: "a pipe",
                            tarfile.GNUTYPE_SPARSE: "sparse"}.items():
            with tarfile.open(self.dir / "a.tar", "w", format=tarfile.GNU_FORMAT) as archive:
                info = tarfile.TarInfo("x.png")
                info.type, info.linkname = kind, "/etc/passwd"
                archive.addfile(info)
            self.assertIn(words, self.error(self.dir / "a.tar"))

    def test_names_of_members_are_only_names(self):
        before = sorted(os.listdir(self.root))
        content = self.members()[0][1]
        write_tar(self.dir / "a.tar", [("../../up.png", content), ("/abs.png", content), ("e\x1b[31m\n.png", content)])
        done = run("classify", self.dir / "a.tar", *self.model(), check=0, cwd=self.root)
        self.assertEqual(len(done.stdout.splitlines()), 3)
        self.assertNotIn("\x1b", done.stdout)
        self.assertEqual(sorted(os.listdir(self.root)), before)
        self.assertFalse(Path("/abs.png").exists())

    def test_lists_that_are_none(self):
        os.mkfifo(self.dir / "pipe")
        self.assertIn("is a pipe", self.error(f"@{self.dir}/pipe"))
        (self.dir / "nul").write_bytes(b"a.png\nb\0.png\n")
        self.assertIn("line 2 has a zero byte", self.error(f"@{self.dir}/nul"))
        (self.dir / "self").write_text("self\n")
        self.assertIn("self: ", self.error(f"@{self.dir}/self"))
        with open(self.dir / "huge", "wb") as huge:
            huge.truncate(1 << 30)
        start = time.monotonic()
        self.assertIn("1073741824 bytes; at most", self.error(f"@{self.dir}/huge"))
        self.assertLess(time.monotonic() - start, 10)
        (self.dir / "both").write_text(f"{self.files[0]}\n{self.files[1]} 1\n")
        self.assertIn("both: line 2 has a label, line 1 has none", self.error(f"@{self.dir}/both"))

    def test_a_hundred_thousand_members_take_little_memory(self):
        name, content = self.members()[0]
        content = content.ljust(-(-len(content) // 512) * 512, b"\0")
        header = bytearray(tarfile.TarInfo("m/000000.png").tobuf(tarfile.USTAR_FORMAT))
        with open(self.dir / "many.tar", "wb") as out:
            for i in range(100_000):
                size = len(content) if i < 2 else 0
                header[2:8] = b"%06d" % i
                header[124:136] = b"%011o\0" % size
                header[148:156] = b" " * 8
                header[148:156] = b"%06o\0 " % sum(header)
                out.write(header + content[:size])
            out.write(bytes(1024))
        script = ("import resource, subprocess, sys\n"
                  "done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL)\n"
                  "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\n"
                  "sys.exit(done.returncode)")
        program = [sys.executable, "-c", script, guide.SMLP, "classify", *map(str, self.model()), "--limit", "2"]
        few = int(subprocess.run([*program, self.dir / "many.tar"], capture_output=True, check=True).stdout)
        base = int(subprocess.run([*program, self.root / self.files[0]], capture_output=True, check=True).stdout)
        self.assertLess(few - base, 60_000, "kilobytes")

    # The webdataset library.

    def test_samples_are_those_of_webdataset(self):
        try:
            import webdataset
        except ImportError:
            print("SKIPPED: samples beside the webdataset library: it is not installed (tools/requirements-test.txt)")
            self.skipTest("no webdataset library")
        members = self.members()
        content = members[0][1]
        write_tar(self.dir / "w-0.tar", [
            ("a/x.y/1.png", content), ("a/x.y/1.cls", b"2"), ("a/x.y/1.seg.PNG", content), ("2.JPEG", content),
            ("2.cls", b"0"), ("__meta__", b"x"), ("noext", b"x"), ("b.c/3.cls", b"1"), ("b.c/3.png", content)])
        self.shard(self.dir / "w-1.tar", members, lambda name: ("cls", name[-1]))
        url = str(self.dir / "w-{0..1}.tar")
        theirs = [(sample["__key__"], int(sample["cls"])) for sample in webdataset.WebDataset(url, shardshuffle=False)]
        _, names = self.classify(url)
        keys = [name.split(".tar:")[1].rsplit(".", 1)[0] for name in names]
        self.assertEqual(keys, [key for key, _ in theirs])
        listed = self.evaluate(url)[1]
        for label in range(3):
            images = [c["images"] for c in listed["per_class"] if c["index"] == label]
            self.assertEqual(images, [sum(1 for _, l in theirs if l == label)])


if __name__ == "__main__":
    guide.SMLP = sys.argv[sys.argv.index("--smlp") + 1]
    del sys.argv[sys.argv.index("--smlp"):sys.argv.index("--smlp") + 2]
    unittest.main(warnings="ignore")
