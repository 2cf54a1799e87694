"""./dev peers. Standard library only: what needs more runs in the peers' own environment."""

import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from . import options, readme, table
from .contest import Contest
from .environment import Environment


@dataclass(frozen=True)
class Paths:
    root: Path

    @property
    def build(self):
        return self.root / "build" / "peers"

    @property
    def work(self):  # weights, pictures, logits
        return self.build / "work"

    @property
    def logs(self):
        return self.build / "logs"

    @property
    def inductor(self):
        return self.build / "inductor"

    @property
    def smlp(self):
        return self.root / "build" / "release" / "bin" / "smlp"

    @property
    def python(self):  # the package smlp, where it was built
        return self.root / "build" / "release" / "python"

    @property
    def ours(self):
        return self.root / "build" / "release" / "bin" / "smlp_peers_ours"


def say(text):
    print(f"{time.strftime('%H:%M:%S')}  {text}", file=sys.stderr, flush=True)


def save(report, directory):
    name = report["date"].replace(" ", "_").replace(":", "")
    texts = {"json": json.dumps(report, indent=1), "md": table.markdown(report), "csv": table.comma_separated(report)}
    for kind, text in texts.items():
        (directory / f"{name}.{kind}").write_text(text)
    return directory / name


def main():
    given = options.parse(sys.argv[1:])
    paths = Paths(Path(__file__).resolve().parents[2])
    for directory in (paths.work, paths.logs):
        directory.mkdir(parents=True, exist_ok=True)
    if given.docs:
        print(f"docs/performance.md has the table of {readme.update(paths.root / 'docs/performance.md', paths.build)}")
        return
    os.environ["PYTHONPATH"] = str(paths.root / "tools")  # for the workers
    environment = Environment(paths.build, paths.logs / "install.log")
    environment.ensure(given.upgrade, say)
    report = Contest(given, environment, paths, say).hold()
    print(table.markdown(report))
    say(f"saved as {save(report, paths.build)}.md, .json and .csv")


if __name__ == "__main__":
    try:
        main()
    except (RuntimeError, ValueError) as error:
        sys.exit(f"./dev peers: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
