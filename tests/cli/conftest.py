from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from verbs_run import Run, Running, Said

from aftersend import app, cli
from aftersend.config import load
from aftersend.control import keys


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a verb on a store of its own, as the command line does."""
    for name in ("AFTERSEND_URL", "AFTERSEND_API_KEY", "AFTERSEND_CONFIG", "AFTERSEND_STORE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AFTERSEND_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("AFTERSEND_SMTP_HOSTNAME", "mail.example.net")
    monkeypatch.setenv("NO_COLOR", "1")

    def run_verb(*arguments: str) -> Said:
        capsys.readouterr()
        status = cli.run(arguments)
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err
        return Said(status, printed.out, printed.err)

    return run_verb


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The whole service in the practice world, on a thread of its own."""
    folder = str(tmp_path_factory.mktemp("service"))
    settings = load(
        None, {}, data_dir=folder, smtp__listen=["127.0.0.1:0"], web__listen=["127.0.0.1:0"],
        smtp__hostname="mail.practice.test", log__level="error",
    )  # fmt: skip
    ready = threading.Event()
    told: dict[str, Any] = {}

    async def work() -> None:
        async with contextlib.AsyncExitStack() as stack:
            practised = await stack.enter_async_context(app.practised(settings))
            running = await stack.enter_async_context(app.running(practised))
            secret = await keys.practice_key(running.store, running.clock(), running.ids())
            host, port = running.addresses["web"]
            told.update(
                running=running, loop=asyncio.get_running_loop(), found=Running(f"http://{host}:{port}", secret, folder)
            )
            ready.set()
            await running.stopping.wait()

    thread = threading.Thread(target=app.run, args=(work(),), daemon=True)
    thread.start()
    assert ready.wait(30)
    yield told["found"]
    told["loop"].call_soon_threadsafe(told["running"].stopping.set)
    thread.join(30)


@pytest.fixture
def far(run: Run, service: Running, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a verb over the HTTP API of the running service."""
    monkeypatch.setenv("AFTERSEND_URL", service.url)
    monkeypatch.setenv("AFTERSEND_API_KEY", service.key)
    return run
