#!/usr/bin/env python3
"""Checks man pages and completion scripts against the commands' own --help.

    python3 tests/cli/manual_test.py --smlp build/release/bin/smlp

groff, mandoc, zsh and fish judge the syntax where they are installed; what is missing is printed as SKIPPED.
"""

import argparse
import re
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

SMLP = ""
MAIN = Path(__file__).resolve().parents[2] / "src/cli/main.cc"
COMMANDS = re.findall(r'^    \{"([\w-]+)", "', MAIN.read_text(), re.M)


def run(*command, text=None):
    return subprocess.run(command, input=text, capture_output=True, text=True)


def smlp(*arguments):
    done = run(SMLP, *arguments)
    if done.returncode != 0:
        raise AssertionError(f"exit {done.returncode}: {arguments}\n{done.stderr}")
    return done.stdout


def options_of(command):
    return re.findall(r"^  (--[a-z-]+)", smlp(command, "--help"), re.M)


def need(program):
    if shutil.which(program) is None:
        print(f"SKIPPED: {program} is not installed")
        return False
    return True


class Manual(unittest.TestCase):
    def pages(self):
        yield "smlp", smlp("help", "--man")
        for command in COMMANDS:
            yield command, smlp("help", "--man", command)

    def test_every_option_has_an_entry(self):
        for command in COMMANDS:
            page = smlp("help", "--man", command).replace("\\-", "-")
            names = options_of(command)
            self.assertGreater(len(names), 2)
            for name in names:
                self.assertIn(f"\\fB{name}\\fR", page, command)

    def test_overview_names_every_command(self):
        page = smlp("help", "--man")
        for command in COMMANDS:
            self.assertIn(f"\\fB{command}\\fR", page)
        references = page.partition(".SH SEE ALSO\n")[2].splitlines()
        self.assertEqual(references[:-1], [f".BR smlp\\-{command} (1)," for command in COMMANDS[:-1]])
        self.assertEqual(references[-1], f".BR smlp\\-{COMMANDS[-1]} (1)")

    def test_groff_is_quiet_and_renders_the_words(self):
        if not need("groff"):
            return
        for name, page in self.pages():
            done = run("groff", "-ww", "-man", "-Tascii", "-P-cbou", text=page)
            self.assertEqual((done.returncode, done.stderr), (0, ""), name)
            self.assertIn("NAME", done.stdout)
            self.assertNotIn("\\f", done.stdout, name)
            if name != "smlp":
                self.assertIn(f"smlp {name}", done.stdout)

    def test_mandoc_is_quiet(self):
        if not need("mandoc"):
            return
        for name, page in self.pages():
            done = run("mandoc", "-Tlint", text=page)
            self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""), name)


class Completion(unittest.TestCase):
    def complete(self, *words):
        """What bash offers for the last of `words`."""
        quoted = " ".join("'" + w.replace("'", "'\\''") + "'" for w in words)
        script = f"""{smlp('completion', 'bash')}
            COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}
            _smlp; printf '%s\\n' "${{COMPREPLY[@]}}" """
        done = run("bash", "-euc", script)
        self.assertEqual((done.returncode, done.stderr), (0, ""), words)
        return done.stdout.split()

    def test_commands(self):
        self.assertEqual(self.complete("smlp", "ev"), ["evaluate"])
        self.assertEqual(set(COMMANDS) - set(self.complete("smlp", "")), set())

    def test_options_are_those_of_the_help(self):
        for command in COMMANDS:
            self.assertEqual(sorted(self.complete("smlp", command, "--")), sorted(["--help"] + options_of(command)))

    def test_values(self):
        self.assertEqual(self.complete("smlp", "classify", "--mode", "la"), ["latency"])
        self.assertEqual(self.complete("smlp", "classify", "--mode", "=", "la"), ["latency"])
        self.assertEqual(self.complete("smlp", "infer", "--outfmt", ""), ["NPY", "BIN", "TXT"])
        self.assertEqual(self.complete("smlp", "completion", "z"), ["zsh"])
        self.assertEqual(self.complete("smlp", "classify", "--model", "--"), [])  # names of files, by the shell

    def test_other_shells_read_their_scripts(self):
        for shell in ("zsh", "fish"):
            if need(shell):
                done = run(shell, "-n", text=smlp("completion", shell))
                self.assertEqual((done.returncode, done.stderr), (0, ""), shell)

    def test_every_script_has_every_option(self):
        for shell in ("zsh", "fish"):
            script = smlp("completion", shell)
            for command in COMMANDS:
                for option in options_of(command):
                    self.assertIn(option if shell == "zsh" else f"-l {option[2:]}", script)

    def test_another_shell_is_refused(self):
        self.assertEqual(run(SMLP, "completion", "tcsh").returncode, 2)
        self.assertEqual(run(SMLP, "completion").returncode, 2)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smlp", required=True)
    options, rest = parser.parse_known_args()
    SMLP = options.smlp
    unittest.main(argv=[sys.argv[0], *rest])
