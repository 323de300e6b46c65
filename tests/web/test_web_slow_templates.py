"""A template that takes long keeps nobody waiting but whoever asked for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from aftersend.mail import tags

LOOP = "{% for each in goods %}{{ each }}{% endfor %}"
MAIL = {"from": "shop@example.com", "to": ["ann@example.net"], "subject": "Goods", "text": LOOP, "data": {"goods": [1]}}


class Slow:
    """Renders as slowly as it is told to."""

    def __init__(self) -> None:
        self.begun, self.may_end = threading.Event(), threading.Event()

    def __call__(self, source: str, data: Mapping[str, Any], *, is_html: bool) -> str:
        """Render, at last."""
        self.begun.set()
        assert self.may_end.wait(30)
        return "at last"


@pytest.fixture
def slow() -> Iterator[Slow]:
    """What renders while a test runs."""
    made = Slow()
    tags.render_elsewhere(made)
    yield made
    made.may_end.set()
    tags.render_elsewhere(None)


def message(client: Any) -> Any:
    """Send a message with it."""
    return client.post("/v1/messages", json=MAIL)


def preview(client: Any) -> Any:
    """Look what a saved template gives."""
    return client.post("/v1/templates/goods/preview", json={"data": {"goods": [1]}})


@pytest.mark.parametrize("ask", [message, preview])
def test_others_are_answered_while_a_template_is_rendered(house: Any, slow: Slow, ask: Callable[[Any], Any]) -> None:
    """A customer's template may take its two seconds; the service answers all others meanwhile."""
    saved = house.client().put("/v1/templates/goods", json={"kind": "text", "subject": "Goods", "source": LOOP})
    assert saved.status_code in (200, 201), saved.text
    with ThreadPoolExecutor(1) as beside:
        asked = beside.submit(ask, house.client())
        assert slow.begun.wait(10)
        assert house.client().get("/v1/messages", timeout=5).status_code == 200
        assert not asked.done()
        slow.may_end.set()
        assert asked.result(30).status_code in (200, 202)
