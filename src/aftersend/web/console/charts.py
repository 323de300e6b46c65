"""Own the drawings of numbers: SVG made here, so that they print, follow light and dark, and need no script. Pure.

Whoever shows one puts the table of the same numbers beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

HEIGHT = 220
WIDE, HALF, NARROW = 1000, 500, 340
"""Widths for a desk, for half of it, and for a phone; letters keep their size, so each width has a drawing of its own."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 6, 12, 24
_FEW = (1, 2, 2.5, 5, 10)


@dataclass(frozen=True, slots=True)
class Series:
    """The numbers of one word over time."""

    word: str
    tone: str
    numbers: Sequence[int]


def ceiling(most: int) -> int:
    """Return a round number that is no less, for the top of an axis."""
    if most <= 4:
        return 4
    scale = 10 ** (len(str(most)) - 1)
    return next(int(step * scale) for step in _FEW if step * scale >= most and step * scale == int(step * scale))


def columns(series: Sequence[Series], labels: Sequence[str], title: str, *, width: int = WIDE) -> Markup:
    """Draw stacked columns, one for each label; each tells its numbers when pointed at. A second drawing is for phones."""
    return Markup('<div class="chart-wide">{}</div><div class="chart-narrow">{}</div>').format(
        _drawn(series, labels, title, width), _drawn(series, labels, title, NARROW)
    )


def _drawn(series: Sequence[Series], labels: Sequence[str], title: str, width: int) -> Markup:
    count = max(len(labels), 1)
    top = ceiling(max((sum(one.numbers[i] for one in series) for i in range(len(labels))), default=0))
    tall = HEIGHT - _TOP - _BOTTOM
    step = (width - _LEFT - _RIGHT) / count
    wide = min(max(step - (2 if step > 6 else 0.6), 1), 26)
    drawn = [_grid(top, tall, width)]
    for i, label in enumerate(labels):
        drawn.append(_column(series, i, label, _LEFT + step * i + (step - wide) / 2, wide, top, tall))
    drawn.append(_below(labels, step, width))
    return Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        width, HEIGHT, title, Markup("").join(drawn)
    )


def _column(series: Sequence[Series], i: int, label: str, left: float, wide: float, top: int, tall: float) -> Markup:
    pieces, base = [], 0.0
    for one in series:
        number = one.numbers[i]
        if number:
            high = number / top * tall
            y = _TOP + tall - base - high
            pieces.append(_rectangle(f"fill-{one.tone}", left, y, wide, max(high - 0.7, 0.7)))
            base += high
    said = ", ".join(f"{one.word}: {one.numbers[i]}" for one in series if one.numbers[i]) or "nothing"
    ground = _rectangle("chart-touch", left - 1, _TOP, wide + 2, tall)
    return Markup('<g class="chart-column"><title>{}: {}</title>{}{}</g>').format(
        label, said, ground, Markup("").join(pieces)
    )


def _rectangle(name: str, x: float, y: float, wide: float, high: float) -> Markup:
    return Markup('<rect class="{}" x="{}" y="{}" width="{}" height="{}"/>').format(
        name, _n(x), _n(y), _n(wide), _n(high)
    )


def _text(x: float, y: float, anchor: str, said: str) -> Markup:
    return Markup('<text class="chart-text" x="{}" y="{}" text-anchor="{}">{}</text>').format(
        _n(x), _n(y), anchor, said
    )


def _grid(top: int, tall: float, width: int) -> Markup:
    lines = []
    for part in (0, 0.5, 1):
        y = _TOP + tall * (1 - part)
        lines.append(
            Markup('<line class="chart-line" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(
                _LEFT, width - _RIGHT, _n(y), _n(y)
            )
        )
        lines.append(_text(_LEFT - 8, y + 4, "end", short(int(top * part))))
    return Markup("").join(lines)


def _below(labels: Sequence[str], step: float, width: int) -> Markup:
    """Write as many labels beneath as there is room for."""
    every = max(1, -(-len(labels) // max(1, (width - _LEFT) // 90)))
    places = [(i, _LEFT + step * (i + 0.5)) for i in range(every // 2, len(labels), every)]
    return Markup("").join(_text(x, HEIGHT - 5, "middle", labels[i]) for i, x in places if x < width - 22)


def spark(numbers: Sequence[int], tone: str) -> Markup:
    """Draw a small line of numbers, to stand beneath the sum of them."""
    most = max(numbers, default=0) or 1
    wide = 120 / max(len(numbers) - 1, 1)
    points = [(i * wide, 27 - number / most * 24) for i, number in enumerate(numbers)]
    line = " ".join(f"{_n(x)},{_n(y)}" for x, y in points)
    return Markup(
        '<svg class="spark tone-{}" viewBox="0 0 120 28" preserveAspectRatio="none" aria-hidden="true">'
        '<polygon points="0,28 {} 120,28"/><polyline points="{}"/></svg>'
    ).format(tone, line, line)


def bar(parts: Sequence[tuple[str, int]], title: str) -> Markup:
    """Draw one bar of shares: (tone, number)."""
    whole = sum(number for _, number in parts) or 1
    drawn, at = [], 0.0
    for tone, number in parts:
        if number:
            wide = number / whole * 1000
            drawn.append(
                Markup('<rect class="fill-{}" x="{}" y="0" width="{}" height="10"/>').format(
                    tone, _n(at), _n(max(wide - 1.5, 1))
                )
            )
            at += wide
    return Markup(
        '<svg class="share-bar" viewBox="0 0 1000 10" preserveAspectRatio="none" role="img" aria-label="{}">{}</svg>'
    ).format(title, Markup("").join(drawn))


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def day_label(day: str) -> str:
    """Write a day, `2026-11-25` or a time on it, as it stands beneath a column: 25 Nov."""
    return f"{int(day[8:10])} {_MONTHS[int(day[5:7]) - 1]}"


def short(number: int) -> str:
    """Write a number for an axis."""
    for scale, letter in ((1_000_000, "M"), (1_000, "k")):
        if number >= scale:
            return f"{number / scale:.1f}".removesuffix(".0") + letter
    return str(number)


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
