#!/usr/bin/env python3
"""The page of `smlp serve` in a real Chromium: pictures in, classes out, on a desk and on a phone, by keyboard, with a key.

    page_test.py --smlp BIN [--screenshots FOLDER] [unittest arguments]
"""

import sys
import tempfile
import unittest
from pathlib import Path

import chromium
from serving import Server, png

PROGRAM = chromium.find()
if PROGRAM is None:
    print("SKIPPED: server_page, the page in a browser: there is no Chromium (Debian's package chromium)")
    sys.exit(77)

SMLP = ""
FOLDER = ""
KEY = "0123456789abcdef0123456789abcdef"
ANSWERED = "document.querySelectorAll('#answers li .class').length"
FITS = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"


class Page(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name)
        self.pictures = []
        for i, name in enumerate(["first.png", "a name that is rather long, with spaces and an ümlaut <b>.png"]):
            self.pictures.append(self.folder / name)
            self.pictures[-1].write_bytes(png(120 + 40 * i, i))

    def look(self, page, name):
        if FOLDER:
            page.picture(Path(FOLDER, name))

    def check_classes(self, page):
        """Five classes for each picture, which go down from the best, and bars as long as the shares."""
        shares = page.value("[...document.querySelectorAll('#answers li')].map(li => [...li.querySelectorAll('.class span:nth-child(2)')].map(s => parseFloat(s.textContent)))")
        self.assertEqual(len(shares), 2)
        for of_one in shares:
            self.assertEqual(len(of_one), 5)
            self.assertEqual(of_one, sorted(of_one, reverse=True))
            self.assertLessEqual(sum(of_one), 100.5)
        widths = page.value("[...document.querySelectorAll('#answers .bar i')].map(i => parseFloat(i.style.width))")
        for width, share in zip(widths, sum(shares, []), strict=True):
            self.assertAlmostEqual(width, share, delta=0.06)
        self.assertRegex(page.value("document.querySelector('#answers .time').textContent"), r"in the server: read [\d.]+ ms, queue .* compute")

    def test_pictures_on_a_desk(self):
        with Server(SMLP, "--no-grpc") as server, chromium.Page(PROGRAM, 1280, 900) as page:
            page.open(f"http://127.0.0.1:{server.port}/")
            page.wait_for("document.querySelector('#about').textContent.includes('10 classes')")
            self.look(page, "empty.png")
            page.choose_files("#files", self.pictures)
            page.wait_for(f"{ANSWERED} === 10")
            self.check_classes(page)
            self.assertEqual(page.value("[...document.querySelectorAll('#answers .name')].map(n => n.textContent).sort()"), sorted(p.name for p in self.pictures))
            page.wait_for("document.querySelector('#count').textContent === '2'")
            self.assertTrue(page.value(FITS))
            self.look(page, "desk.png")
            self.assertEqual(page.problems, [])
            # Everything came from this server.
            origins = page.value("[...new Set(performance.getEntriesByType('resource').map(e => new URL(e.name).protocol + new URL(e.name).host))]")
            self.assertLessEqual(set(origins), {f"http:127.0.0.1:{server.port}", "blob:", "data:"})

    def test_a_broken_picture_says_so(self):
        broken = self.folder / "broken.png"
        broken.write_bytes(self.pictures[0].read_bytes()[:200])
        with Server(SMLP, "--no-grpc") as server, chromium.Page(PROGRAM, 1280, 900) as page:
            page.open(f"http://127.0.0.1:{server.port}/")
            page.wait_for("document.querySelector('#about').textContent !== ''")
            page.choose_files("#files", [broken])
            page.wait_for("document.querySelector('#answers .bad') !== null")
            self.assertIn("input 'input'", page.value("document.querySelector('#answers .bad').textContent"))
            page.wait_for("document.querySelector('#errors').textContent === '1'")
            self.look(page, "broken.png")

    def test_a_phone(self):
        with Server(SMLP, "--no-grpc") as server, chromium.Page(PROGRAM, 360, 740) as page:
            page.open(f"http://127.0.0.1:{server.port}/")
            page.wait_for("document.querySelector('#about').textContent !== ''")
            page.choose_files("#files", self.pictures)
            page.wait_for(f"{ANSWERED} === 10")
            self.assertTrue(page.value(FITS), "it scrolls sideways")
            self.assertGreaterEqual(page.value("document.querySelector('#drop').getBoundingClientRect().height"), 44)
            self.look(page, "phone.png")

    def test_by_keyboard(self):
        with Server(SMLP, "--no-grpc") as server, chromium.Page(PROGRAM, 1280, 900) as page:
            page.open(f"http://127.0.0.1:{server.port}/")
            page.wait_for("document.querySelector('#about').textContent !== ''")
            reached = []
            for _ in range(4):
                page.press("Tab", 9)
                reached.append(page.value("document.activeElement.id"))
            self.assertIn("model", reached)
            self.assertIn("files", reached)
            page.value("document.querySelector('#files').focus()")
            self.assertNotEqual(page.value("getComputedStyle(document.querySelector('#drop')).outlineStyle"), "none", "one sees where one is")

    def test_with_a_key(self):
        keys = self.folder / "keys"
        keys.write_text(KEY + "\n")
        with Server(SMLP, "--no-grpc", "--api-key-file", keys) as server, chromium.Page(PROGRAM, 1280, 900) as page:
            page.call("Page.addScriptToEvaluateOnNewDocument", source=f"window.prompt = () => '{KEY}'")
            page.open(f"http://127.0.0.1:{server.port}/")
            page.wait_for("document.querySelector('#about').textContent !== ''")
            page.choose_files("#files", self.pictures[:1])
            page.wait_for(f"{ANSWERED} === 5")


if __name__ == "__main__":
    at = sys.argv.index("--smlp")
    SMLP = sys.argv[at + 1]
    del sys.argv[at : at + 2]
    if "--screenshots" in sys.argv:
        at = sys.argv.index("--screenshots")
        FOLDER = sys.argv[at + 1]
        Path(FOLDER).mkdir(parents=True, exist_ok=True)
        del sys.argv[at : at + 2]
    unittest.main()
