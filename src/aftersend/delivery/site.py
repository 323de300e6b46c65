"""One receiving site: all that shares its mail servers' operator, and how hard this node may press it."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import Protocol

from aftersend.clock import SECOND, Clock, Instant
from aftersend.policy import limits
from aftersend.policy.limits import Limits, SiteState
from aftersend.store.sites import Lesson

FIRST_RATE = 20.0
PAUSE_US = 5 * SECOND
"""After so long without a message, how fast it was before says nothing any more."""
RATE_OF = 10
"""So many messages tell how fast it is."""
LINE_LEAST = 400
LINE_MOST = 1000
LINE_SECONDS = 2.0


class Lane(Protocol):
    """A line of mail to one set of servers of the site."""

    @property
    def open(self) -> int:
        """Connections there are or are being made."""

    def let_one_go(self) -> bool:
        """End an idle connection, so that another lane may have one; whether there was one."""


class Site:
    """Limits that many domains share: a provider's thousand customers, with however many host names, are one site."""

    def __init__(self, name: str, clock: Clock, rules: Limits) -> None:
        self.name = name
        self.state: SiteState = limits.fresh(rules)
        self.lanes: set[Lane] = set()
        self.nodes = 1
        self.has_news = False
        """Whether something was learnt that the other nodes should know."""
        self._clock = clock
        self._rules = rules
        self._next_slot = 0.0
        self._sent: deque[int] = deque(maxlen=50)

    def may_open(self) -> bool:
        """Whether one more connection fits; an idle one of another lane makes room."""
        limit = limits.share(self.state.connections, self.nodes)
        if sum(lane.open for lane in self.lanes) < limit:
            return True
        return len(self.lanes) > 1 and any(lane.let_one_go() for lane in self.lanes)

    def closed_until(self) -> int:
        """Until when the site is left alone (microseconds), 0 if it is open."""
        until = self.state.closed_until_us
        return until if until > self._clock() else 0

    def seconds_to_wait(self) -> float:
        """How long the next message has to wait, 0 if it may go now; a message that may go is counted."""
        closed = self.closed_until()
        if closed:
            return (closed - self._clock()) / SECOND
        rate = self.state.rate_per_s
        if rate is None:
            return 0.0
        now = self._clock() / SECOND
        if now < self._next_slot:
            return self._next_slot - now
        self._next_slot = max(self._next_slot, now - 1 / rate) + 1 / rate
        return 0.0

    def is_full(self, waiting: int, since: Instant) -> bool:
        """Whether so many waiting in memory are enough: two seconds of work, so that a slow site fills nobody's hands.

        Counted is only what it took since the line began: before, it was not asked for more.
        """
        return waiting >= LINE_LEAST and waiting >= min(LINE_MOST, LINE_SECONDS * (self._rate(since) or 0.0))

    def seconds_to_room(self, since: Instant) -> float:
        """How soon a line that is full has been worked off: by what the site takes, else as long again as it has stood."""
        rate = self._rate(since)
        if rate is None:
            return min(60.0, max(1.0, (self._clock() - since) / SECOND))
        return min(60.0, LINE_LEAST / max(rate, 0.1))

    def _rate(self, since: Instant) -> float | None:
        """Messages a second that it takes while more wait, None where it has taken too few to tell."""
        seen, most = self._rate_seen(since), self.state.rate_per_s
        return most if seen is None else seen if most is None else min(seen, most)

    # ---- what is learnt ------------------------------------------------------------------------------------------

    def went_well(self) -> None:
        """A message was taken."""
        now = self._clock()
        if self._sent and now - self._sent[-1] > PAUSE_US:
            self._sent.clear()
        self._sent.append(now)
        self.state = limits.after_success(self.state, self._rules)

    def pushed_back(self, why: str, pause_s: float, *, of_rate: bool) -> None:
        """The site said that we are too much; `of_rate` when it spoke of messages rather than of connections."""
        self.has_news = True
        self.state = limits.after_pushback(
            self.state,
            self._rules,
            now=self._clock(),
            open_connections=sum(lane.open for lane in self.lanes),
            seen_rate=(self._rate_seen() or FIRST_RATE) if of_rate else None,
            why=why,
            pause_s=pause_s * self._rules.pause_scale,
        )

    def could_not_be_reached(self, why: str, *, timed_out: bool) -> None:
        """None of its hosts answered."""
        self.has_news = True
        self.state = limits.after_no_connection(
            self.state, self._rules, now=self._clock(), timed_out=timed_out, why=why
        )

    def _rate_seen(self, since: Instant = 0) -> float | None:
        """Messages a second that the site took lately, and not before `since`; None where it has taken too few to tell."""
        now, sent = self._clock(), self._sent
        if len(sent) < RATE_OF or sent[-RATE_OF] < since or now - sent[-1] > PAUSE_US:
            return None
        first = next(at for at in sent if at >= since)
        return sum(at >= first for at in sent) / max((now - first) / SECOND, 0.001)

    # ---- what nodes tell each other --------------------------------------------------------------------------------

    def lesson(self) -> Lesson:
        """What the other nodes should know."""
        self.has_news = False
        state = self.state
        return Lesson(self.name, max(1, int(state.connections)), state.closed_until_us, state.why)

    def heed(self, lesson: Lesson) -> None:
        """Take what another node has learnt: the fewer connections, the longer pause."""
        self.state = replace(
            self.state,
            connections=min(self.state.connections, float(lesson.connections)),
            closed_until_us=max(self.state.closed_until_us, lesson.closed_until_us),
            why=lesson.why,
            good=0,
        )
