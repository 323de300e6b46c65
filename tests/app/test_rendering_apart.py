"""Templates are rendered in a process that may end: the same texts, the same errors, and no harm from what takes too much."""

from __future__ import annotations

import contextlib
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftersend.app import rendering
from aftersend.app.rendering import RenderingProcess
from aftersend.errors import BadField, TryLater
from aftersend.mail import tags, templates

SOURCES = [
    "{% for each in goods %}{{ each }}, {% endfor %}",
    "{% if name %}Dear {{ name }}{% else %}Hello{% endif %} ü",
    "{{ goods | join(' & ') }} {{ self }}",
    "{{ missing }}",
    "{% for a in range(1000) %}{% for b in range(1000) %}.{% endfor %}{% endfor %}",
    "{{ name | nosuchfilter }}",
]
DOUBLED = "{% set x = l %}" + "{% set x = [x, x] %}" * 24
BOMBS = {
    "nested lists written": DOUBLED + "{{ x }}",
    "nested lists compared": DOUBLED.replace("24", "30") + "{{ x == x }}{{ x | string | length }}",
    "a list repeated": "{{ [n] * 1000000 }}",
}
WORDS = st.text(max_size=12)


@pytest.fixture(scope="module")
def apart() -> Iterator[RenderingProcess]:
    """The process."""
    made = RenderingProcess()
    yield made
    made.stop()


def outcome(render: Any, source: str, data: dict[str, Any], *, is_html: bool) -> tuple[str, str]:
    """What comes of it, errors as values."""
    try:
        return "text", render(source, data, is_html=is_html)
    except (tags.Undefined, tags.CannotRender) as error:
        return type(error).__name__, error.detail


@given(
    source=st.sampled_from(SOURCES),
    data=st.fixed_dictionaries({"name": WORDS, "goods": st.lists(WORDS | st.integers()), "self": WORDS}),
    is_html=st.booleans(),
)
def test_it_says_what_is_said_here(apart: RenderingProcess, source: str, data: dict[str, Any], is_html: bool) -> None:
    """Texts and errors are those of this process."""
    assert outcome(apart.render, source, data, is_html=is_html) == outcome(tags.render, source, data, is_html=is_html)


@pytest.mark.parametrize("bomb", sorted(BOMBS))
def test_what_takes_too_much_is_an_error_and_nothing_else(apart: RenderingProcess, bomb: str) -> None:
    """It ends the process that renders, or its time; whoever asked is told, and the next text is rendered as ever."""
    data = {"n": "x" * 15_000, "l": ["x" * 1000]}
    with pytest.raises(tags.CannotRender):
        apart.render(BOMBS[bomb], data, is_html=False)
    assert apart.render("{% if true %}well{% endif %}", {}, is_html=True) == "well"


def test_threads_take_turns(apart: RenderingProcess) -> None:
    """Each gets his own text."""
    got: dict[int, str] = {}

    def one(number: int) -> None:
        got[number] = apart.render("{% for i in range(3) %}{{ n }}{% endfor %}", {"n": number}, is_html=False)

    threads = [threading.Thread(target=one, args=(n,)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == {n: str(n) * 3 for n in range(20)}


def test_where_it_is_set_everything_goes_there() -> None:
    """`render` and `fill` ask whoever was named; afterwards they do it here again."""

    def elsewhere(source: str, data: Any, *, is_html: bool) -> str:
        return f"elsewhere {is_html}"

    tags.render_elsewhere(elsewhere)
    try:
        assert tags.fill("{% if a %}{% endif %}", {}, is_html=True) == "elsewhere True"
        assert tags.fill("{{ a }}", {"a": "simple"}) == "simple"
    finally:
        tags.render_elsewhere(None)
    assert tags.fill("{% if a is defined %}{% endif %}here", {}) == "here"


def test_a_start_that_takes_too_long_harms_no_later_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """The text has to wait, the slow process is ended, and the next text gets an answer of its own."""
    made = RenderingProcess()
    try:
        monkeypatch.setattr(rendering, "STARTS_WITHIN_S", 0.0)
        with pytest.raises(TryLater):
            made.render("{{ name }}", {"name": "Ann"}, is_html=False)
        monkeypatch.undo()
        assert made.render("{{ name }}", {"name": "Bob"}, is_html=False) == "Bob"
    finally:
        made.stop()


def test_a_page_that_takes_too_much_is_an_error_and_nothing_else() -> None:
    """Whoever saves it is told, and the next page is made as ever."""
    rules = "".join(f"*{{color:#{n:06d}}}" for n in range(9000))
    apart = RenderingProcess(seconds=1.5)
    try:
        with pytest.raises(BadField, match="styles"):
            apart.make(f"<style>{rules}</style>{'<p>x' * 30_000}", "html")
        small = "<style>p{color:red}</style><p>{{ name }}</p>"
        assert apart.make(small, "html") == templates.made(small, "html")
        with pytest.raises(BadField, match="mj-include"):
            apart.make('<mjml><mj-include path="/etc/passwd"/></mjml>', "mjml")
    finally:
        apart.stop()


def test_a_signal_to_everybody_fails_no_text() -> None:
    """Terminals and service managers tell every process to stop; what is still being sent is rendered all the same."""
    apart = RenderingProcess()
    try:
        assert apart.render("{% if true %}before{% endif %}", {}, is_html=False) == "before"
        process = apart._process
        assert process is not None
        for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            process.send_signal(name)
        assert apart.render("{% if true %}after{% endif %}", {}, is_html=False) == "after"
        assert apart._process is process
    finally:
        apart.stop()


@pytest.mark.parametrize("program", ["import sys; sys.exit(1)", "import time; time.sleep(60)"])
def test_no_text_is_blamed_for_a_process_that_does_not_start(monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    """It can be rendered later; nobody is told that the template is at fault, and no recipient loses a message for it."""
    monkeypatch.setattr(rendering, "_PROGRAM", program)
    monkeypatch.setattr(rendering, "STARTS_WITHIN_S", 1.0)
    apart = RenderingProcess()
    with pytest.raises(TryLater):
        apart.render("{% if true %}well{% endif %}", {}, is_html=False)
    with pytest.raises(TryLater):
        apart.make("<p>well</p>", "html")
    apart.stop()


def test_nothing_endless_outlives_the_service() -> None:
    """When whoever asked has been killed, an endless text ends by itself."""
    program = (
        "import sys; from aftersend.app import rendering; rendering.ALONE_MOST_S = 1;"
        "rendering.tags.render = lambda *_, **__: [0 for _ in iter(int, 1)];"
        "rendering.main(sys.stdin.buffer, sys.stdout.buffer)"
    )
    wanted = pickle.dumps((rendering.RENDER, "x", {}, False))
    alone = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    alone.communicate(len(wanted).to_bytes(4, "big") + wanted, timeout=60)
    assert alone.returncode == -signal.SIGALRM


@pytest.mark.parametrize("depth", [400, 900])
@pytest.mark.parametrize("source", ["{% if a %}{{ a }}{% endif %}", "{{ a }}", "{{ a|default('x') }}"])
def test_values_nested_too_deep_are_an_error_of_the_text(apart: RenderingProcess, source: str, depth: int) -> None:
    """Never a fault of ours, which would set the mail of others aside that is made together with it."""
    data = msgspec.json.decode(b'{"a":' + b"[" * depth + b"]" * depth + b"}")
    tags.render_elsewhere(apart.render)
    try:
        with contextlib.suppress(tags.CannotRender):
            assert isinstance(tags.fill(source, data), str)
    finally:
        tags.render_elsewhere(None)
