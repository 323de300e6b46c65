"""Gather the content of a message that comes in pieces, by DATA or by BDAT, and no more of it than may be kept."""

from __future__ import annotations

from aftersend.smtp.content import END, unstuffed


class Text:
    """Content by DATA: what comes until CR LF . CR LF. Costs a step for each piece, whatever its size."""

    __slots__ = ("_body", "_limit", "content", "is_too_large", "rest")

    def __init__(self, max_size: int) -> None:
        self._body = bytearray(b"\r\n")  # the line end of DATA itself, which an empty message shares
        # Each three octets of content take at most four on the wire (a line that is one dot), so what is over this
        # limit on the wire is over the limit of size however the dots fall.
        self._limit = max_size + max_size // 3 + 16
        self.is_too_large = False
        """Whether it was so large that it was let go while it came. Otherwise its size is yet to be looked at."""
        self.content = b""
        self.rest = b""
        """What came behind the end."""

    def add(self, *pieces: bytes | bytearray) -> bool:
        """Take more; say whether the end has come, so that `content` and `rest` are there."""
        body = self._body
        start = max(len(body) - 4, 0)
        for piece in pieces:
            body += piece
        end = body.find(END, start)
        if end < 0:
            if len(body) > self._limit:
                self.is_too_large = True
                del body[:-4]
            return False
        if not self.is_too_large:
            self.content = unstuffed(bytes(memoryview(body)[2 : end + 2]))
        self.rest = bytes(memoryview(body)[end + 5 :])
        return True


class Chunks:
    """Content by BDAT (RFC 3030): chunks of a size told before."""

    __slots__ = ("_body", "_max_size", "is_last", "is_too_large", "is_unwanted", "left", "size")

    def __init__(self, max_size: int) -> None:
        self._body = bytearray()
        self._max_size = max_size
        self.size = 0
        self.left = 0
        """Octets of the chunk that are yet to come."""
        self.is_last = False
        self.is_too_large = False
        self.is_unwanted = False
        """Nobody can have the content: it is read over."""

    def begin(self, size: int, *, is_last: bool) -> None:
        """Expect a chunk."""
        self.size = self.left = size
        self.is_last = is_last
        if len(self._body) + size > self._max_size:
            self.is_too_large = True
        if self.is_too_large:
            self._body.clear()

    def take(self, data: bytes, at: int) -> int:
        """Take as much of the chunk as there is in `data` from `at` on; return how much that was."""
        taken = min(self.left, len(data) - at)
        if not (self.is_too_large or self.is_unwanted):
            self._body += memoryview(data)[at : at + taken]
        self.left -= taken
        return taken

    def content(self) -> bytes:
        """Return all of it; a last line without its end gets one, since the next hop may have no BDAT to say it with."""
        body = bytes(self._body)
        if body and not body.endswith(b"\n"):
            body += b"\n" if body.endswith(b"\r") else b"\r\n"
        return body
