"""QR codes are read back here as a camera's program does: mask, way, blocks, and a correction that leaves nothing to correct."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aftersend.web.console import qr


def read(grid):
    """Return the content of a symbol, having checked that every block is a multiple of its generator."""
    version = (len(grid) - 17) // 4
    _, taken = qr._patterns(version)
    bits = sum(grid[y][x] << i for i, ((y, x), _) in enumerate(qr._format_places(len(grid))))
    again = sum(grid[y][x] << i for i, (_, (y, x)) in enumerate(qr._format_places(len(grid))))
    assert bits == again
    mask = (bits ^ 0x5412) >> 10
    flips = qr._MASKS[mask]
    read_bits = [grid[y][x] != flips(y, x) for y, x in qr._way(taken)]
    total, many, degree = qr._SIZES[version - 1]
    codewords = [sum(bit << 7 - i for i, bit in enumerate(read_bits[n * 8 : n * 8 + 8])) for n in range(total)]
    short, longer = divmod(total - many * degree, many)
    lengths = [short + (number >= many - longer) for number in range(many)]
    blocks = [[] for _ in range(many)]
    stream = iter(codewords)
    for place in range(short + 1):
        for block, length in zip(blocks, lengths, strict=True):
            if place < length:
                block.append(next(stream))
    data = [codeword for block in blocks for codeword in block]
    for _ in range(degree):
        for block in blocks:
            block.append(next(stream))
    for block in blocks:
        for exponent in range(degree):
            value = 0
            for codeword in block:
                value = qr._times(value, qr._powers()[0][exponent]) ^ codeword
            assert value == 0
    bits = "".join(f"{codeword:08b}" for codeword in data)
    wide = qr._length_bits(version)
    assert bits[:4] == "0100"
    length = int(bits[4 : 4 + wide], 2)
    start = 4 + wide
    return int("1" + bits[start : start + 8 * length], 2).to_bytes(length + 1, "big")[1:]


@given(st.binary(min_size=1, max_size=450))
@example(b"x" * 450)
@example(b"\0")
def test_every_content_is_read_back(content):
    """Of every length for which there is a symbol."""
    assert read(qr.symbol(content)) == content


@pytest.mark.parametrize("version", range(1, 17))
def test_a_symbol_has_just_as_many_free_places_as_it_needs(version):
    """All codewords find their place, and at most seven modules are left over (table 1)."""
    _, taken = qr._patterns(version)
    free = sum(not one for row in taken for one in row)
    assert 0 <= free - 8 * qr._SIZES[version - 1][0] <= 7


def test_the_bits_about_mask_and_version_are_those_of_the_standard():
    """Annex C: level M with mask 5 is 100000011001110; annex D: version 7 is 000111110010010100."""
    assert (5 << 10 | qr._remainder(5, 0x537, 10)) ^ 0x5412 == 0b100000011001110
    assert 7 << 12 | qr._remainder(7, 0x1F25, 12) == 0b000111110010010100


def test_the_correction_is_that_of_the_standard():
    """Annex I: the digits 01234567 in version 1-M."""
    data = bytes.fromhex("10200c566180" + "ec11" * 5)
    assert qr._correction(data, 10).hex() == "a524d4c1ed36c7872c55"


def test_a_picture_is_named_and_too_much_text_has_none():
    """What cannot be drawn is left out; the secret stands beside as text."""
    drawn = qr.drawing("otpauth://totp/x?secret=ABC", 'A "secret"')
    assert 'aria-label="A &#34;secret&#34;"' in drawn
    assert "style" not in drawn
    assert qr.drawing("x" * 451, "none") == ""
