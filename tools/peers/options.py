"""The command line of ./dev peers."""

import argparse
from dataclasses import dataclass, field
from pathlib import Path

from . import catalog

NETWORKS = ("tiny", "small", "base")

DESCRIPTION = """\
Compares smlp with ONNX Runtime, OpenVINO and PyTorch on this machine: for each peer and batch size, ours and the peer
run in turns (A B A B ...), on the same cores, with the same number of threads, weights and pictures. A peer whose
answers are wrong is not timed. The table is printed and saved as build/peers/DATE.md, .json and .csv.
The peers are installed from PyPI into build/peers/venv."""

EXAMPLES = """\
examples:
  ./dev peers --quick
  ./dev peers --batch-sizes 1,8 --peers openvino-bf16,torch-bf16-compiled
  ./dev peers --network base --threads 1
  ./dev peers --network smlp_t.pth
  ./dev peers --peers openvino-int8,openvino-int8-qdq --calibrate imagenet/train
  ./dev peers --docs"""


@dataclass
class Options:
    network: str = "tiny"
    batch_sizes: list = field(default_factory=lambda: [1, 4, 8, 16, 32, 64])
    peers: list = field(default_factory=lambda: list(catalog.DEFAULT))
    threads: int = 0  # 0: usable CPUs
    rounds: int = 9
    seconds: float = 1.5
    calibrate: str = ""  # empty: made-up pictures
    quick: bool = False
    upgrade: bool = False
    docs: bool = False


def positive(kind):
    def parse(text):
        value = kind(text)
        if not value > 0:
            raise ValueError
        return value

    parse.__name__ = f"positive {kind.__name__}"
    return parse


def batch_list(text):
    return [positive(int)(part) for part in text.split(",")]


def peer_list(text):
    found = [catalog.find(name) for name in text.split(",")]
    if None in found:
        raise argparse.ArgumentTypeError(f"known are {', '.join(peer.name for peer in catalog.PEERS)}")
    return found


def network(text):
    if text not in NETWORKS and not Path(text).is_file():
        raise argparse.ArgumentTypeError(f"'{text}' is no file, and none of {', '.join(NETWORKS)}")
    return text


def folder(text):
    if not Path(text).is_dir():
        raise argparse.ArgumentTypeError(f"'{text}' is no folder")
    return text


def parse(arguments):
    names = ", ".join(peer.name for peer in catalog.PEERS)
    asked_for = [peer.name for peer in catalog.PEERS if peer.asked_for]
    parser = argparse.ArgumentParser(prog="./dev peers", description=DESCRIPTION, epilog=EXAMPLES,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", type=network, default="tiny", metavar="NAME|FILE",
                        help="tiny (default), small or base at 224 as PyTorch initialises them, or a checkpoint")
    parser.add_argument("--batch-sizes", type=batch_list, metavar="N,...", help="default 1,4,8,16,32,64")
    parser.add_argument("--peers", type=peer_list, default=list(catalog.DEFAULT), metavar="NAME,...",
                        help=f"of {names}; default: all but {', '.join(asked_for)}")
    parser.add_argument("--threads", type=positive(int), default=0, metavar="N", help="default: the usable CPUs")
    parser.add_argument("--rounds", type=positive(int), metavar="N",
                        help="turns of ours and of the peer at each batch size (default 9)")
    parser.add_argument("--seconds", type=positive(float), metavar="S",
                        help="length of one turn, at least one execution (default 1.5)")
    parser.add_argument("--calibrate", type=folder, default="", metavar="FOLDER",
                        help="pictures whose activations give the ranges of int8, for us and for the peers: 32 of them, evenly "
                        "spread (default: made-up ones, fine for the speed)")
    parser.add_argument("--quick", action="store_true",
                        help="batch sizes 1,8, 3 rounds of 0.3 seconds: to see that everything works")
    parser.add_argument("--upgrade", action="store_true", help="install the newest versions of the peers first")
    parser.add_argument("--docs", action="store_true",
                        help="measure nothing: put the newest saved table (none of --quick) into docs/performance.md")
    given = parser.parse_args(arguments)
    defaults = ([1, 8], 3, 0.3) if given.quick else (Options().batch_sizes, Options.rounds, Options.seconds)
    return Options(given.network, given.batch_sizes or defaults[0], given.peers, given.threads,
                   given.rounds or defaults[1], given.seconds or defaults[2], given.calibrate, given.quick, given.upgrade, given.docs)
