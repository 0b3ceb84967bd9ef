"""Whether glasses were kept, or given to everybody: readings of the same people, whose photos had glasses and had none.

found = kept(worn, bare)            # how much like glasses each cartoon looks, 0 to 1
found.own, found.order              # 0 and 0.5 where the photo's own made no difference
"""

import statistics
from collections.abc import Sequence
from typing import NamedTuple

SEEN = 0.5  # a reading above it counts as glasses
HEAD = "with glasses", "of the same people without", "own", "order"
WORDS = (
    "Own: how many more of the cartoons are read as wearing glasses because the photo has some, with the 95 % interval over "
    "the people, which says nothing of other seeds of a training. Order: how often a cartoon of somebody with glasses looks "
    "more like glasses than a cartoon of somebody without; 0.5 is chance, whether nobody gets glasses or everybody."
)


class Kept(NamedTuple):
    """worn, bare: shares read as wearing glasses, of people whose photo has them, and of the same people without.

    own:   worn - bare, what the photo's glasses add; margin: half of its 95 % interval over the people
    order: how often a cartoon of somebody with glasses looks more like glasses than that of somebody without; 0.5 is chance
    """

    worn: float
    bare: float
    own: float
    margin: float
    order: float


def kept(worn: Sequence[float], bare: Sequence[float]) -> Kept:
    """Readings of the same people, in the same order.

    >>> kept([0.9, 0.8, 0.2], [0.7, 0.1, 0.1])._replace(margin=0)
    Kept(worn=0.6666666666666666, bare=0.3333333333333333, own=0.3333333333333333, margin=0, order=0.8888888888888888)
    """
    more = [(with_some > SEEN) - (without > SEEN) for with_some, without in zip(worn, bare, strict=True)]
    pairs = [(a > b) + (a == b) / 2 for a in worn for b in bare]
    shares = [statistics.mean(value > SEEN for value in side) for side in (worn, bare)]
    margin = 1.96 * statistics.stdev(more) / len(more) ** 0.5
    return Kept(*shares, statistics.mean(more), margin, statistics.mean(pairs))


def row(worn: Sequence[float], bare: Sequence[float]) -> list[str]:
    found = kept(worn, bare)
    return [
        f"{found.worn:.0%}",
        f"{found.bare:.0%}",
        f"{100 * found.own:+.0f} ± {100 * found.margin:.0f}",
        f"{found.order:.2f}",
    ]
