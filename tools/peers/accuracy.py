"""Do two sets of logits say the same?"""

import math
from array import array
from dataclasses import asdict, dataclass

# Largest relative error allowed. fp32: rounding alone, with sums in another order. bf16 rounds to 2^-9 at best; in some
# 500 places one after the other that adds up to sqrt(500) * 2^-9 = 4 %, and a wrong network is off by 100 %. int8 cuts a
# range of some eight standard deviations into 255 steps: 8 / 255 / sqrt(12) = 0.9 % of what is typical, in some 170
# places, 12 %.
BOUNDS = {"fp32": 1e-4, "bf16": 0.1, "int8": 0.3}


@dataclass(frozen=True)
class Agreement:
    error: float    # largest difference / largest reference logit
    same_top1: int  # pictures whose best class is the reference's
    pictures: int

    def wrong(self, precision):
        """Why the answers cannot be accepted; empty where they can."""
        bound = BOUNDS[precision]
        if not self.error <= bound:  # so that NaN is refused too
            return f"wrong answers: relative error {self.error:.2g}, at most {bound:g} is allowed in {precision}"
        return ""

    def as_dict(self):
        return asdict(self)


def read_logits(path, classes):
    """The file's float32 as one list a picture."""
    values = array("f", path.read_bytes())
    if not values or len(values) % classes:
        raise ValueError(f"{path} holds {len(values)} floats, not rows of {classes}")
    return [values[i : i + classes] for i in range(0, len(values), classes)]


def compare(got, reference):
    if len(got) != len(reference):
        raise ValueError(f"{len(got)} pictures, {len(reference)} in the reference")
    differences = [abs(a - b) for g, r in zip(got, reference) for a, b in zip(g, r, strict=True)]
    largest = max(abs(b) for r in reference for b in r)
    error = math.nan if any(map(math.isnan, differences)) else max(differences) / largest
    same = sum(g.index(max(g)) == r.index(max(r)) for g, r in zip(got, reference))
    return Agreement(error, same, len(reference))
