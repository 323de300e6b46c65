"""Print what was measured: medians, and ratios to the first contestant within the same round."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from contestants import Contestant


@dataclass(frozen=True, slots=True)
class Run:
    """One measurement of one contestant."""

    rate: float
    """Messages a second."""
    cpu_s_per_1000: float
    peak_mib: float


def rounds(kinds: Sequence[type[Contestant]], number: int, measure: Callable[[type[Contestant]], Run]) -> None:
    """Measure all contestants in turn, each round beginning with another one, and print a line for each."""
    runs: dict[str, list[Run]] = {kind.name: [] for kind in kinds}
    for turn in range(number):
        start = turn % len(kinds)
        for kind in [*kinds[start:], *kinds[:start]]:
            runs[kind.name].append(measure(kind))
    first = runs[kinds[0].name]
    for kind in kinds:
        mine = runs[kind.name]
        rates = [run.rate for run in mine]
        line = (
            f"  {kind.name:14s} {statistics.median(rates):8.0f}/s [{min(rates):.0f}…{max(rates):.0f}]"
            f"  {median(mine, 'cpu_s_per_1000'):6.2f} CPU s per 1,000  {median(mine, 'peak_mib'):6.0f} MiB"
        )
        if kind is not kinds[0]:
            rate = statistics.median(a.rate / b.rate for a, b in zip(mine, first, strict=True))
            cpu = statistics.median(
                a.cpu_s_per_1000 / b.cpu_s_per_1000 for a, b in zip(mine, first, strict=True) if b.cpu_s_per_1000
            )
            line += f"   ×{rate:.2f} the rate, ×{cpu:.2f} the CPU"
        print(line, flush=True)


def median(runs: Sequence[Run], name: str) -> float:
    """The median of one figure."""
    return statistics.median(getattr(run, name) for run in runs)
