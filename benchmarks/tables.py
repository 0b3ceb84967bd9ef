"""Figures as they stand in a Markdown table: medians with their intervals, and ratios."""

import math
import statistics
from collections.abc import Iterable, Sequence


def median_with_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """(median, low, high): the interval between order statistics that holds the true median with at least 95 %.

    With fewer than 6 values no interval can promise that; it is then the range of the values.
    """
    from scipy import stats

    ordered, n = sorted(values), len(values)
    low = max(0, int(stats.binom.ppf(0.025, n, 0.5)) - 1)
    return statistics.median(ordered), ordered[low], ordered[n - 1 - low]


def ratio(theirs: Sequence[float], ours: Sequence[float]) -> str:
    """How many times the first takes, round by round: "2.1x (1.9-2.3)"."""
    middle, low, high = median_with_interval([a / b for a, b in zip(theirs, ours)])
    return f"{middle:.{digits(middle)}f}x ({low:.{digits(low)}f}-{high:.{digits(high)}f})"


def seconds(values: Sequence[float]) -> str:
    """Median and interval in a unit that suits: "12.3 ms (12.0-12.9)"."""
    middle, low, high = median_with_interval(values)
    scale, unit = (1, "s") if middle >= 1 else (1e3, "ms") if middle >= 1e-3 else (1e6, "us")
    middle, low, high = scale * middle, scale * low, scale * high
    places = digits(middle)
    return f"{middle:.{places}f} {unit} ({low:.{places}f}-{high:.{places}f})"


def digits(value: float) -> int:
    """Decimal places that leave three figures."""
    return max(0, 2 - math.floor(math.log10(value))) if value > 0 else 0


def table(head: Sequence, rows: Iterable[Sequence]) -> str:
    """Markdown, the first column to the left and the others, which hold figures, to the right."""
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)
