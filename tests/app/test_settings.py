"""Settings are refused by name when they cannot be used, before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from aftersend.config import load
from aftersend.errors import SettingsError


@pytest.mark.parametrize(
    "name", ["SMTP_TRUSTED_NETWORKS", "WEBHOOKS_ALLOW_NETWORKS", "TRACKING_TRUSTED_PROXIES", "TRACKING_NETWORKS"]
)
def test_what_is_no_network_is_named(name: str) -> None:
    """With the setting and how a network is written."""
    load(
        None,
        {
            f"AFTERSEND_{name}": "192.0.2.0/24,2001:db8::/32"
            if name != "TRACKING_NETWORKS"
            else "192.0.2.0/24=corporate"
        },
    )
    with pytest.raises(SettingsError, match=name.lower().replace("_", ".", 1)):
        load(None, {f"AFTERSEND_{name}": "192.0.2/33"})


def test_a_switch_is_on_or_off_and_nothing_else() -> None:
    """A slip of the pen in `delivery.hold` must not let mail out."""
    for text, expected in (
        ("1", True),
        ("true", True),
        ("Yes", True),
        ("on", True),
        ("0", False),
        ("off", False),
        ("", False),
    ):
        assert load(None, {"AFTERSEND_DELIVERY_HOLD": text}).delivery.hold is expected
    with pytest.raises(SettingsError, match=r"delivery\.hold"):
        load(None, {"AFTERSEND_DELIVERY_HOLD": "ture"})


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    """As one that is no TOML."""
    path = tmp_path / "aftersend.toml"
    path.write_bytes(b'secret = "\xff"')
    with pytest.raises(SettingsError, match="not TOML"):
        load(str(path), {})
