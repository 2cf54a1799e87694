"""Seeds for the configurations "no_ties_..." of make_golden.py: none of their numbers is near to a tie of bfloat16.

    python3 tools/golden/find_seeds.py CONFIG [--tries N]

Needed again when numbers are rounded at other places. Prints every seed for which the roundings go the same way in many
runs (whose disturbed GELU is off by up to three times what an engine's may be), and a missing rounding is seen by far.
"""

import argparse

import torch

import make_golden
import mutations
import rounding

RUNS = 400
TIP = 1e-3  # of the largest: more than float32's disturbances, less than bfloat16's neighbours are apart


def has_ties(network, expected):
    for run in range(RUNS):
        worst = rounding.deviations([rounding.Arithmetic("bfloat16", seed=run)], *network.arguments(), expected)
        if any(deviation > TIP * float(expected[name].abs().max()) for name, deviation in worst.items()):
            return True
    return False


def is_good(name, config):
    network = make_golden.Network(config)
    expected = network.in_arithmetic("bfloat16")
    if has_ties(network, expected):
        return False
    try:
        mutations.prove_rounding(name, *network.arguments(), expected, network.bfloat16_bounds(expected))
    except AssertionError:
        return False
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config")
    parser.add_argument("--tries", type=int, default=1000)
    arguments = parser.parse_args()
    config = make_golden.CONFIGS[arguments.config]
    with torch.no_grad():
        for seed in range(config["seed"], config["seed"] + arguments.tries):
            if is_good(arguments.config, {**config, "seed": seed}):
                print(seed, flush=True)


if __name__ == "__main__":
    main()
