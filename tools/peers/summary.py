"""Medians and spreads of repeated measurements."""

from dataclasses import asdict, dataclass


def percentile(values, p):
    """Linear between neighbours, as NumPy's default has it."""
    if not values:
        raise ValueError("no values")
    ordered = sorted(values)
    place = (len(ordered) - 1) * p / 100
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


@dataclass(frozen=True)
class Spread:
    median: float
    low: float   # quartiles
    high: float
    least: float
    most: float

    def as_dict(self):
        return asdict(self)


def spread(values):
    return Spread(percentile(values, 50), percentile(values, 25), percentile(values, 75), min(values), max(values))


def paired_ratios(ours, theirs):
    """ours / theirs round by round: the two of one round ran within seconds, so that a drift of the machine's speed
    leaves their ratio alone."""
    if len(ours) != len(theirs):
        raise ValueError(f"{len(ours)} rounds of ours and {len(theirs)} of theirs")
    return [a / b for a, b in zip(ours, theirs)]
