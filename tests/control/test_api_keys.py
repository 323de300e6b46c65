"""API keys: their form, and who may come in with one."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftersend import clock
from aftersend.control import keys
from aftersend.control.keys import Keys, TooManyTries
from aftersend.errors import BadField, NotAllowed, Unauthenticated
from aftersend.store import Engine, Store, accounts, upgrade


@pytest.mark.parametrize("kind", ["live", "test"])
def test_a_key_is_known_by_its_form(kind):
    """`as_live_` or `as_test_`, 43 characters of base 62, and a checksum; only the digest is kept."""
    secret, prefix, digest = keys.make_key(kind)
    assert secret.startswith(f"as_{kind}_")
    assert keys.looks_like_key(secret)
    assert secret.startswith(prefix)
    assert len(prefix) < len(secret) / 3
    assert digest == keys.digest_of(secret)
    assert secret.isascii()
    assert len({keys.make_key(kind)[0] for _ in range(100)}) == 100


@given(st.integers(8, 56), st.sampled_from("0aZ_ é"))
def test_a_mistyped_key_is_seen_without_asking_the_store(place, character):
    """The checksum finds every single wrong character."""
    secret, _, _ = keys.make_key()
    mistyped = secret[:place] + character + secret[place + 1 :]
    assert keys.looks_like_key(mistyped) == (mistyped == secret)


@given(st.text(max_size=80))
def test_other_text_is_no_key(text):
    """Whatever it is, it does no harm."""
    assert not keys.looks_like_key(text)


class Counted:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = clock.now()

    def __call__(self) -> int:
        return self.now


async def _house(folder: Path, time: Counted) -> tuple[Store, Keys]:
    engine = Engine(f"sqlite:///{folder}/aftersend.db")
    upgrade.upgrade(engine)
    with engine.writing() as connection:
        accounts.ensure_first(connection, now=time())
    store = Store(engine)
    return store, Keys(store, time)


def test_a_key_says_who_and_what(tmp_path):
    """Account, scope and network are checked; `*` is every scope; a revoked key ends within seconds."""

    async def story() -> None:
        time = Counted()
        store, known = await _house(tmp_path, time)
        secret = await store.run(keys.create, 1, 7, name="shop", scopes=["send"], networks=["192.0.2.0/24"], now=time())
        everything = await store.run(keys.create, 1, 8, name="all", scopes=["*"], now=time())
        key = await known.authenticate(f" {secret} ", "192.0.2.9", scope="send")
        assert (key.account_id, key.id, key.name) == (1, 7, "shop")
        assert (await known.authenticate(secret, "::ffff:192.0.2.9", scope="send")).id == 7
        assert (await known.authenticate(everything, "unknown", scope="admin")).id == 8
        with pytest.raises(NotAllowed, match="192.0.2.0/24"):
            await known.authenticate(secret, "198.51.100.1", scope="send")
        with pytest.raises(NotAllowed, match="not a network|192.0.2.0/24"):
            await known.authenticate(secret, "unknown", scope="send")
        with pytest.raises(NotAllowed, match="“read”"):
            await known.authenticate(secret, "192.0.2.9", scope="read")
        await store.run(accounts.revoke_key, 1, 7, now=time())
        time.now += keys.REMEMBERED_US
        with pytest.raises(Unauthenticated):
            await known.authenticate(secret, "192.0.2.9", scope="send")
        await store.close()

    asyncio.run(story())


def test_guessing_is_slowed_down_and_then_stopped(tmp_path):
    """More and more delay, then TooManyTries for a minute; a right key is never made to wait."""

    async def story() -> None:
        time = Counted()
        store, known = await _house(tmp_path, time)
        secret = await store.run(keys.create, 1, 7, name="shop", scopes=["send"], now=time())
        wrong, _, _ = keys.make_key()
        delays = []
        for _ in range(keys.FAILURES_ALLOWED):
            with pytest.raises(Unauthenticated):
                await known.authenticate(wrong, "192.0.2.9", scope="send")
            delays.append(known.delay_after_failure("192.0.2.9"))
        assert delays == sorted(delays)
        assert delays[-1] == 5.0
        with pytest.raises(TooManyTries):
            await known.authenticate(wrong, "192.0.2.9", scope="send")
        with pytest.raises(Unauthenticated):
            await known.authenticate(wrong, "192.0.2.10", scope="send")
        assert (await known.authenticate(secret, "192.0.2.9", scope="send")).id == 7
        assert known.delay_after_failure("192.0.2.9") == 0.25
        await store.close()

    asyncio.run(story())


def test_practice_keys_do_not_pile_up(tmp_path):
    """Each start of the practice world makes one; the oldest stop working."""

    async def story() -> None:
        time = Counted()
        store, _ = await _house(tmp_path, time)
        made = [await keys.practice_key(store, time(), number) for number in range(1, 9)]
        assert len(set(made)) == 8
        standing = [key.id for key in await store.ask(accounts.keys_of, 1) if key.revoked_us is None]
        assert standing == [4, 5, 6, 7, 8]
        await store.close()

    asyncio.run(story())


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"name": ""}, "#/name"),
        ({"name": "a\nb"}, "#/name"),
        ({"scopes": []}, "#/scopes"),
        ({"scopes": ["send", "fly"]}, "#/scopes/1"),
        ({"networks": ["10.0.0.0/33"]}, "#/networks/0"),
        ({"kind": "dead"}, "#/kind"),
    ],
)
def test_a_key_that_cannot_be_is_refused_by_field(change, pointer):
    """Before anything is written."""
    wanted = {"name": "x", "scopes": ["send"], "now": 1} | change
    with pytest.raises(BadField) as caught:
        keys.create(None, 1, 1, **wanted)  # type: ignore[arg-type]
    assert caught.value.pointer == pointer
