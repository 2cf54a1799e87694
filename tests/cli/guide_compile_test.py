#!/usr/bin/env python3
"""`smlp compile`: names of outputs, precisions, input shapes, classes, and what is refused."""

import hashlib
import json
import struct
from pathlib import Path

import guide
from guide import GuideTest, checkpoint, run


class CompileTest(GuideTest):
    def setUp(self):
        super().setUp()
        self.net = self.dir / "net.safetensors"
        checkpoint(self.net)

    def compile(self, *arguments, output=None, model=None, **options):
        return run("compile", f"--model={model or self.net}", f"--output={output or self.dir / 'out'}", *arguments, **options)

    def metadata(self, path=None):
        raw = Path(path or self.dir / "out.smlp").read_bytes()
        return json.loads(raw[8 : 8 + struct.unpack("<Q", raw[:8])[0]])["__metadata__"]

    def test_the_guides_line(self):
        ini = self.dir / "op_precision.ini"
        ini.write_text("Gelu=high_performance\n")
        done = self.compile("--framework=5", "--input_format=NCHW", "--input_shape=input:8,3,32,32", "--log=error",
                            "--soc_version=Ascend310P3", f"--op_precision_mode={ini}", check=0)
        self.assertEqual(done.stdout.count("soc_version"), 1)
        self.assertEqual(done.stderr, "")
        meta = self.metadata()
        self.assertEqual(meta["smlp.gelu"], "high_performance")
        self.assertEqual(meta["smlp.batch"], "8")
        self.assertEqual(meta["smlp.precision"], "fp32")
        self.assertEqual(meta["smlp.source_sha256"], hashlib.sha256(self.net.read_bytes()).hexdigest())

    def test_output_names(self):
        self.compile(output=self.dir / "a.smlp", check=0)
        self.compile(output=self.dir / "deep" / "er" / "b.c", check=0)
        self.assertTrue((self.dir / "a.smlp").exists())
        self.assertTrue((self.dir / "deep" / "er" / "b.c.smlp").exists())
        self.assertEqual((self.dir / "a.smlp").read_bytes(), (self.dir / "deep" / "er" / "b.c.smlp").read_bytes())

    def test_a_folder_is_no_name_of_a_model(self):
        (self.dir / "models").mkdir()
        for output in (self.dir / "models", f"{self.dir / 'models'}/", f"{self.dir / 'missing'}/"):
            self.assert_error(self.compile(output=output), "names a folder", f"give {self.dir / Path(output).name / 'net.smlp'}")
        (self.dir / "out.smlp").mkdir()
        for force in ((), ("--force",)):
            self.assert_error(self.compile(*force), "out.smlp", "Is a directory; give the name of a file")
            done = run("export", self.net, self.dir / "models", *force)
            self.assert_error(done, "Is a directory; give the name of a file")
        self.assertEqual(sorted(p.name for p in self.dir.iterdir() if p.name[0] == "m"), ["models"])
        self.assertEqual(list((self.dir / "models").iterdir()), [])

    def test_compiled_once_more_keeps_its_source(self):
        self.compile("--input_shape", "input:4,3,32,32", check=0)
        self.compile(model=self.dir / "out.smlp", output=self.dir / "again", check=0)
        self.assertEqual(self.metadata(self.dir / "again.smlp"), self.metadata())
        self.assert_error(self.compile(model=self.dir / "out.smlp", output=self.dir / "out", ), "out.smlp")

    def test_bf16_is_smaller_and_does_not_go_back(self):
        self.compile(check=0)
        self.compile("--precision", "bf16", output=self.dir / "half", check=0)
        self.assertEqual(self.metadata(self.dir / "half.smlp")["smlp.precision"], "bf16")
        self.assertLess((self.dir / "half.smlp").stat().st_size, (self.dir / "out.smlp").stat().st_size)
        self.assert_error(
            self.compile("--precision", "fp32", model=self.dir / "half.smlp", output=self.dir / "x"), "half.smlp", "bf16"
        )

    def test_ini_spellings_and_mistakes(self):
        ini = self.dir / "op.ini"
        for text in ("Gelu=high_precision", "\ufeff# note\r\n\r\n[ByOpType]\r\n Gelu = high_precision \r\n;end", ""):
            with self.subTest(text=text):
                ini.write_text(text, encoding="utf-8", newline="")
                self.compile("--op_precision_mode", ini, "--force", check=0)
                self.assertEqual(self.metadata()["smlp.gelu"], "high_precision")
        mistakes = {
            "Gelu=high_performance\nConv2D=high_precision\n": (f"{ini}:2", "Conv2D", "known operators", "Gelu"),
            "\nGelu=fast": (f"{ini}:2", "fast", "high_precision", "high_performance"),
            "Gelu": (f"{ini}:1", "Gelu"),
            "[ByNodeName]\nx=high_precision": (f"{ini}:2", "'x'", "known operators", "block.0"),
            "[ByNode]\nGelu=high_precision": (f"{ini}:1", "[ByNode]", "[ByNodeName]"),
            "Gelu=high_precision\nGelu=high_performance": (f"{ini}:2", "twice"),
        }
        for text, words in mistakes.items():
            with self.subTest(text=text):
                ini.write_text(text)
                self.assert_error(self.compile("--op_precision_mode", ini, "--force"), *words)
        self.assert_error(self.compile("--op_precision_mode", self.dir / "no.ini", "--force"), "no.ini")

    def test_input_shapes(self):
        for text, batch in (("input:-1,3,32,32", None), ("8,3,32,32", "8"), ("\u201cinput:16,3,32,32\u201d", "16"),
                            ("input:N,3,32,32", None)):
            with self.subTest(text=text):
                self.compile("--input_shape", text, "--force", check=0)
                self.assertEqual(self.metadata().get("smlp.batch"), batch)
        for text, word, status in (("input:8,3,224,224", "3 x 32 x 32", 1), ("input:8,1,32,32", "3 x 32 x 32", 1),
                                   ("images:8,3,32,32", "give input:8,3,32,32", 1),
                                   ("input:8,3,32", "3 sizes", 2), ("input:0,3,32,32", "batch", 2), ("input:8,3,x,32", "'x'", 2),
                                   ("a:1,3,32,32;b:1,3,32,32", "one input", 2)):
            with self.subTest(text=text):
                self.assert_error(self.compile("--input_shape", text, "--force"), word, status=status)

    def test_the_input_has_the_name_that_an_onnx_file_gives_it(self):
        onnx = self.dir / "net.onnx"
        run("export", "--pth_path", self.net, "--onnx_path", onnx, check=0)
        onnx.write_bytes(onnx.read_bytes().replace(b"\x05input", b"\x05image"))
        self.compile("--input_shape", "image:8,3,32,32", model=onnx, check=0)
        self.assertEqual(self.metadata().get("smlp.batch"), "8")
        self.assert_error(self.compile("--input_shape", "input:8,3,32,32", "--force", model=onnx), "give image:8,3,32,32")

    def test_flags_that_ask_for_what_there_is_not(self):
        self.assert_error(self.compile("--input_format=NHWC"), "input_format", status=2)
        self.assert_error(self.compile("--framework=7"), "framework", status=2)
        self.assert_error(self.compile("--precision=fp8"), "precision", status=2)
        self.assert_error(self.compile("--log=loud"), "log", status=2)
        self.assertFalse((self.dir / "out.smlp").exists())
        done = self.compile("--framework=3", check=0)
        self.assertIn("TensorFlow", done.stdout)
        other = self.dir / "x.pb"
        other.write_bytes(b"\x0a\x05hello" * 20)
        self.assert_error(self.compile("--framework=3", model=other, output=self.dir / "y"), other, "TensorFlow")

    def test_nothing_is_overwritten_unasked_or_left_half(self):
        out = self.dir / "out.smlp"
        out.write_text("mine")
        self.assert_error(self.compile(), out, "--force")
        self.assertEqual(out.read_text(), "mine")
        self.assert_error(self.compile("--force"), out, "is not a compiled model")
        self.assertEqual(out.read_text(), "mine")
        out.unlink()
        self.compile("--precision", "bf16", check=0)
        before = out.read_bytes()
        self.assert_error(self.compile("--force", limit_bytes=10000), out)
        self.assertEqual(out.read_bytes(), before)
        self.assertEqual(sorted(p.name for p in self.dir.iterdir()), ["net.safetensors", "out.smlp"])
        self.compile("--force", check=0)
        self.assertNotEqual(out.read_bytes(), before)
        self.metadata()

    def test_bad_models_are_named(self):
        for name, content in (("missing.pth", None), ("empty.pth", b""), ("cut.safetensors", self.net.read_bytes()[:5000])):
            path = self.dir / name
            if content is not None:
                path.write_bytes(content)
            self.assert_error(self.compile(model=path), path)
        self.assertFalse((self.dir / "out.smlp").exists())

    def test_classes(self):
        names = self.dir / "names.txt"
        names.write_text("".join(f"kind {i}\n" for i in range(10)))
        self.compile("--classes", names, check=0)
        self.assertIn("kind 7", self.metadata()["smlp.classes"])
        names.write_text("one\ntwo\n")
        self.assert_error(self.compile("--classes", names, output=self.dir / "b"), names)


if __name__ == "__main__":
    guide.main()
