"""Draw text as a QR code (ISO/IEC 18004, byte mode, error correction M), for what a telephone is to read off the screen.

Knows versions 1 to 16, which hold up to 450 bytes; an address of an authenticator app has 130 to 250.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from itertools import pairwise

from markupsafe import Markup

Grid = list[list[bool]]

_SIZES = (
    (26, 1, 10), (44, 1, 16), (70, 1, 26), (100, 2, 18), (134, 2, 24), (172, 4, 16), (196, 4, 18), (242, 4, 22),
    (292, 5, 22), (346, 5, 26), (404, 5, 30), (466, 8, 22), (532, 9, 22), (581, 9, 24), (655, 10, 24), (733, 10, 28),
)  # fmt: skip
"""For each version: codewords of the symbol, blocks, correction codewords of a block (table 9, level M)."""
_ALIGNED = (
    (), (6, 18), (6, 22), (6, 26), (6, 30), (6, 34), (6, 22, 38), (6, 24, 42), (6, 26, 46), (6, 28, 50), (6, 30, 54),
    (6, 32, 58), (6, 34, 62), (6, 26, 46, 66), (6, 26, 48, 70), (6, 26, 50, 74),
)  # fmt: skip
"""For each version: where alignment patterns have their middles (annex E)."""
_MASKS: tuple[Callable[[int, int], bool], ...] = (
    lambda y, x: (y + x) % 2 == 0,
    lambda y, _: y % 2 == 0,
    lambda _, x: x % 3 == 0,
    lambda y, x: (y + x) % 3 == 0,
    lambda y, x: (y // 2 + x // 3) % 2 == 0,
    lambda y, x: y * x % 2 + y * x % 3 == 0,
    lambda y, x: (y * x % 2 + y * x % 3) % 2 == 0,
    lambda y, x: ((y + x) % 2 + y * x % 3) % 2 == 0,
)
_QUIET = 4
"""So many light modules stand around a symbol (§5.3.8)."""


def drawing(text: str, label: str) -> Markup:
    """Return an SVG picture, dark on light whatever the colours of the page; "" when the text is too long for one."""
    grid = symbol(text.encode())
    if grid is None:
        return Markup("")
    side = len(grid) + 2 * _QUIET
    runs = "".join(
        f"M{x + _QUIET} {y + _QUIET}h1v1h-1z" for y, row in enumerate(grid) for x, is_dark in enumerate(row) if is_dark
    )
    return Markup(
        '<svg class="qr" role="img" aria-label="{}" viewBox="0 0 {} {}" shape-rendering="crispEdges">'
        '<rect width="{}" height="{}" fill="#fff"/><path d="{}" fill="#000"/></svg>'
    ).format(label, side, side, side, side, runs)


def symbol(content: bytes) -> Grid | None:
    """Return the modules of the smallest symbol that holds the content, dark ones true, under the mask that reads best; None
    when there is no symbol of that size."""
    version = next((v for v in range(1, len(_SIZES) + 1) if len(content) <= _room(v)), None)
    if version is None:
        return None
    codewords = _with_correction(_codewords(content, version), version)
    grid, is_taken = _patterns(version)
    bits = (codeword >> shift & 1 == 1 for codeword in codewords for shift in range(7, -1, -1))
    for (y, x), bit in zip(_way(is_taken), bits, strict=False):
        grid[y][x] = bit
    tried = (_masked(grid, is_taken, mask) for mask in range(len(_MASKS)))
    return min(tried, key=_penalty)


def _data_codewords(version: int) -> int:
    total, blocks, correction = _SIZES[version - 1]
    return total - blocks * correction


def _length_bits(version: int) -> int:
    return 8 if version < 10 else 16


def _room(version: int) -> int:
    return _data_codewords(version) - (4 + _length_bits(version) + 7) // 8


def _codewords(content: bytes, version: int) -> bytes:
    """Return mode, length, content and padding (§7.4)."""
    many = _data_codewords(version)
    bits = 0b0100 << _length_bits(version) | len(content)
    bits = bits << 8 * len(content) | int.from_bytes(content, "big")
    length = 4 + _length_bits(version) + 8 * len(content)
    after = min(4, many * 8 - length)
    bits, length = bits << after, length + after
    bits, length = bits << -length % 8, length + -length % 8
    head = bits.to_bytes(length // 8, "big")
    return head + (b"\xec\x11" * many)[: many - len(head)]


# ---- error correction: Reed and Solomon's code over the field of 256 elements (§7.5) -----------------------------------


@cache
def _powers() -> tuple[list[int], list[int]]:
    """Return powers of 2 in the field, and for each element of which power it is."""
    powers, logs, element = [0] * 255, [0] * 256, 1
    for exponent in range(255):
        powers[exponent], logs[element] = element, exponent
        element = element << 1 ^ (0x11D if element & 128 else 0)
    return powers, logs


def _times(a: int, b: int) -> int:
    powers, logs = _powers()
    return powers[(logs[a] + logs[b]) % 255] if a and b else 0


@cache
def _generator(degree: int) -> tuple[int, ...]:
    """Return the coefficients of the product of (x - 2**i), without the leading 1."""
    found = [1]
    for exponent in range(degree):
        root = _powers()[0][exponent]
        found = [a ^ _times(b, root) for a, b in zip([*found, 0], [0, *found], strict=True)]
    return tuple(found[1:])


def _correction(block: bytes, degree: int) -> bytes:
    rest = [0] * degree
    for codeword in block:
        lead = codeword ^ rest[0]
        rest = [a ^ _times(lead, b) for a, b in zip([*rest[1:], 0], _generator(degree), strict=True)]
    return bytes(rest)


def _with_correction(codewords: bytes, version: int) -> bytes:
    """Return the blocks and their corrections, a codeword of each in turn (§7.6); later blocks may be longer by one."""
    _, many, degree = _SIZES[version - 1]
    short, longer = divmod(len(codewords), many)
    blocks, begin = [], 0
    for number in range(many):
        end = begin + short + (number >= many - longer)
        blocks.append(codewords[begin:end])
        begin = end
    columns = [bytes(block[i] for block in blocks if i < len(block)) for i in range(short + 1)]
    corrections = [_correction(block, degree) for block in blocks]
    return b"".join(columns) + bytes(one[i] for i in range(degree) for one in corrections)


# ---- the picture -----------------------------------------------------------------------------------------------------


def _patterns(version: int) -> tuple[Grid, Grid]:
    """Return a symbol with nothing but what every symbol of its version has, and which modules that takes (§6.3)."""
    side = 17 + 4 * version
    grid = [[False] * side for _ in range(side)]
    taken = [[False] * side for _ in range(side)]

    def put(y: int, x: int, is_dark: bool) -> None:
        grid[y][x], taken[y][x] = is_dark, True

    for i in range(side):
        put(6, i, i % 2 == 0)
        put(i, 6, i % 2 == 0)
    for top, left in ((0, 0), (0, side - 7), (side - 7, 0)):
        for y in range(max(0, top - 1), min(side, top + 8)):
            for x in range(max(0, left - 1), min(side, left + 8)):
                put(y, x, max(abs(y - top - 3), abs(x - left - 3)) in (0, 1, 3))
    middles = _ALIGNED[version - 1]
    corners = {(6, 6), (6, side - 7), (side - 7, 6)}
    for at_y, at_x in ((a, b) for a in middles for b in middles if (a, b) not in corners):
        for y in range(at_y - 2, at_y + 3):
            for x in range(at_x - 2, at_x + 3):
                put(y, x, max(abs(y - at_y), abs(x - at_x)) != 1)
    for y, x in (place for both in _format_places(side) for place in both):
        put(y, x, False)
    put(side - 8, 8, True)
    if version >= 7:
        bits = version << 12 | _remainder(version, 0x1F25, 12)
        for i in range(18):
            is_dark = bits >> i & 1 == 1
            put(i // 3, side - 11 + i % 3, is_dark)
            put(side - 11 + i % 3, i // 3, is_dark)
    return grid, taken


def _remainder(bits: int, generator: int, degree: int) -> int:
    """Return the check bits of a BCH code (annexes C and D)."""
    rest = bits << degree
    while rest.bit_length() > degree:
        rest ^= generator << rest.bit_length() - degree - 1
    return rest


def _format_places(side: int) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Return where each of the fifteen bits about level and mask stands, the lowest first; each stands twice."""
    column = [*range(6), 7, 8, *range(side - 7, side)]
    row = [*range(side - 1, side - 9, -1), 7, *range(5, -1, -1)]
    return [((y, 8), (8, x)) for y, x in zip(column, row, strict=True)]


def _way(is_taken: Grid) -> Iterator[tuple[int, int]]:
    """Yield the free modules in the order of the bits: two columns at a time, from the right, up and down (§7.7.3)."""
    side = len(is_taken)
    rights = [*range(side - 1, 6, -2), 5, 3, 1]
    for turn, right in enumerate(rights):
        for y in range(side - 1, -1, -1) if turn % 2 == 0 else range(side):
            for x in (right, right - 1):
                if not is_taken[y][x]:
                    yield y, x


def _masked(grid: Grid, is_taken: Grid, mask: int) -> Grid:
    """Return the symbol under a mask, with the bits that say so."""
    flips = _MASKS[mask]
    made = [
        [is_dark != (not is_taken[y][x] and flips(y, x)) for x, is_dark in enumerate(row)] for y, row in enumerate(grid)
    ]
    bits = (mask << 10 | _remainder(mask, 0x537, 10)) ^ 0x5412
    for i, places in enumerate(_format_places(len(grid))):
        for y, x in places:
            made[y][x] = bits >> i & 1 == 1
    return made


def _penalty(grid: Grid) -> int:
    """Return how hard a symbol is to read (§7.8.3): runs, squares, what looks like a corner, too much of one colour."""
    rows = ["".join("1" if is_dark else "0" for is_dark in row) for row in grid]
    lines = [*rows, *("".join(column) for column in zip(*rows, strict=True))]
    found = sum(_of_line(line) for line in lines)
    for above, below in pairwise(rows):
        found += 3 * sum(above[x : x + 2] == below[x : x + 2] in ("00", "11") for x in range(len(above) - 1))
    dark = sum(row.count("1") for row in rows) / len(rows) ** 2
    return found + 10 * int(abs(dark - 0.5) * 20)


def _of_line(line: str) -> int:
    found = length = 0
    for before, here in zip(" " + line, line + " ", strict=True):
        if before != here:
            found += length - 2 if length >= 5 else 0
            length = 0
        length += 1
    corners = sum(line[x : x + 11] in ("10111010000", "00001011101") for x in range(len(line) - 10))
    return found + 40 * corners
