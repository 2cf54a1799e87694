"""Ours and one peer in turns: A B A B ... Only one of them has work at a time, on the same cores."""

import time
from dataclasses import dataclass, field

from . import summary

PAUSE = 0.1  # seconds before a turn: threads that spin after their work have gone to sleep by then


@dataclass
class Turns:
    """Images a second of each round."""

    ours: list = field(default_factory=list)
    theirs: list = field(default_factory=list)
    disturbance: float = 0.0  # most CPUs that the idle side used during a turn of the other

    def as_dict(self):
        return {"ours": self.ours, "theirs": self.theirs, "disturbance": self.disturbance}

    def ratio(self):
        return summary.spread(summary.paired_ratios(self.ours, self.theirs))


def one_turn(worker, idle, batch, seconds, limit):
    """(images a second, CPUs that `idle` used meanwhile)"""
    time.sleep(PAUSE)
    before = idle.cpu_seconds()
    answer = worker.ask(f"run {seconds}", limit)
    return batch * answer["executions"] / answer["seconds"], (idle.cpu_seconds() - before) / answer["seconds"]


def fight(ours, theirs, batch, rounds, seconds, limit):
    """`rounds` of both, after one that does not count: it warms caches, memory and the processor's clock."""
    turns = Turns()
    for count in range(rounds + 1):
        mine, theirs_idle = one_turn(ours, theirs, batch, seconds, limit)
        other, ours_idle = one_turn(theirs, ours, batch, seconds, limit)
        if count > 0:
            turns.ours.append(mine)
            turns.theirs.append(other)
            turns.disturbance = max(turns.disturbance, theirs_idle, ours_idle)
    return turns
