"""Which of several ways of working is the fastest here? A short trial of each, in the peer's own process."""

import statistics
import time


def median_seconds(execute, seconds=0.5, fewest=3):
    execute()
    times, start = [], time.perf_counter()
    while len(times) < fewest or time.perf_counter() - start < seconds:
        before = time.perf_counter()
        execute()
        times.append(time.perf_counter() - before)
    return statistics.median(times)


def fastest(make, choices, pictures):
    """(make(choice), choice) of the choice that runs `pictures` fastest. One exists at a time, to spare memory."""
    def trial(choice):
        made = make(choice)
        made.set_input(pictures)
        return median_seconds(made.execute)

    best = choices[0] if len(choices) == 1 else min(choices, key=trial)
    return make(best), best
