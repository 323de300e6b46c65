"""Read what a submitted message says to us in its header: tags, metadata, stream, tracking, time, idempotency, sandbox.

Our names are `X-Aftersend-*` and `Idempotency-Key`; the names of other services are understood as well, since they stand
in programs that nobody wants to change. Owns the tables of names; what an instruction leads to is decided elsewhere.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import msgspec

from aftersend.errors import BadField
from aftersend.mail import dates, words

OURS = "x-aftersend-"
METADATA = "x-aftersend-metadata-"
IDEMPOTENCY_MOST = 256


class BadInstruction(BadField):
    """A header that gives an instruction which cannot be followed; the text names it and how to mend it."""

    code = "invalid-instruction"


@dataclass(frozen=True, slots=True)
class Instructions:
    """What the header asks for. None and empty mean: not said."""

    tags: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    stream: str | None = None
    track_opens: bool | None = None
    track_clicks: bool | None = None
    send_at: int | None = None
    """Microseconds since 1970."""
    idempotency_key: str | None = None
    sandbox: bool = False


NONE = Instructions()


def read(found: Mapping[str, list[bytes]]) -> Instructions:
    """Return the instructions in a scanned header. Raise BadInstruction that names the header and the remedy.

    Where headers of ours and of other services say different things, ours count; tags and metadata are added up.
    """
    names = [name for name in found if _is_ours(name)]
    if not names:
        return NONE
    said = NONE
    for name in sorted(names, key=_weight):
        for raw in found[name]:
            said = _follow(said, name, _value(name, raw))
    return said


def names_in(found: Mapping[str, list[bytes]]) -> set[str]:
    """Return the names to take off before sending: our own and the control headers of other services."""
    return {name for name in found if _is_ours(name)}


# ---- reading values ------------------------------------------------------------------------------------------------


def _value(name: str, raw: bytes) -> str:
    value = words.decode(raw.decode("utf-8", "replace").strip())
    hidden = words.trouble(value.replace("\t", " "))
    if hidden:
        raise _bad(name, f"contains {hidden}; remove it")
    return value


def _text(name: str, value: str) -> str:
    if not value:
        raise _bad(name, "has no value; leave the header out")
    return value


def _flag(name: str, value: str) -> bool:
    wanted = _FLAGS.get(value.strip().lower())
    if wanted is None:
        raise _bad(name, f"says “{_short(value)}”; write yes or no")
    return wanted


def _time(name: str, value: str) -> int:
    try:
        return dates.read(value)
    except ValueError:
        raise _bad(name, f"says “{_short(value)}”, which is no time; write one such as 2026-12-01T09:00:00Z") from None


def _object(name: str, value: str) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(value.encode())
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise _bad(name, f"holds no valid JSON ({_short(str(error))})") from None
    if not isinstance(found, dict):
        raise _bad(name, 'holds JSON that is no object; write one such as {"order": "4711"}')
    return found


def _pairs(name: str, said: Any) -> dict[str, str]:
    """Return metadata as text; what is not text is written as JSON."""
    if not isinstance(said, dict):
        raise _bad(name, "has metadata that is no JSON object")
    return {
        str(k): v if isinstance(v, str) else msgspec.json.encode(v).decode() for k, v in said.items() if v is not None
    }


def _list(value: str) -> tuple[str, ...]:
    return tuple([part for part in map(str.strip, value.split(",")) if part])


def _strings(name: str, said: Any) -> tuple[str, ...]:
    wanted = said if isinstance(said, list) else [said]
    if not all(isinstance(tag, str) for tag in wanted):
        raise _bad(name, "has a tag that is no text")
    return tuple(wanted)


# ---- what each header does -----------------------------------------------------------------------------------------

Step = Callable[[Instructions, str, str], Instructions]


def _tag(said: Instructions, name: str, value: str) -> Instructions:
    return _with_tags(said, (_text(name, value),))


def _tags(said: Instructions, name: str, value: str) -> Instructions:
    return _with_tags(said, _list(_text(name, value)))


def _metadata(said: Instructions, name: str, value: str) -> Instructions:
    return _with_metadata(said, _pairs(name, _object(name, value)))


def _equations(said: Instructions, name: str, value: str) -> Instructions:
    pairs = [part.partition("=") for part in _list(value)]
    if not all(equals and key.strip() for key, equals, _ in pairs):
        raise _bad(name, "is no list such as order=4711, shop=berlin")
    return _with_metadata(said, {key.strip(): content.strip() for key, _, content in pairs})


def _stream(said: Instructions, name: str, value: str) -> Instructions:
    return replace(said, stream=_text(name, value))


def _postmark_stream(said: Instructions, name: str, value: str) -> Instructions:
    return replace(said, stream={"outbound": "transactional"}.get(value.lower(), _text(name, value)))


def _track(said: Instructions, name: str, value: str) -> Instructions:
    wanted = {part.lower() for part in _list(value)}
    if not wanted or not wanted <= {"opens", "clicks", "none"} or (len(wanted) > 1 and "none" in wanted):
        raise _bad(name, f"says “{_short(value)}”; write opens, clicks, both with a comma, or none")
    return replace(said, track_opens="opens" in wanted, track_clicks="clicks" in wanted)


def _mandrill_track(said: Instructions, name: str, value: str) -> Instructions:
    wanted = {part.lower().partition("_")[0] for part in _list(value)}
    return replace(said, track_opens="opens" in wanted, track_clicks="clicks" in wanted)


def _track_opens(said: Instructions, name: str, value: str) -> Instructions:
    return replace(said, track_opens=_flag(name, value))


def _track_clicks(said: Instructions, name: str, value: str) -> Instructions:
    return replace(said, track_clicks=_flag(name, value))


def _track_all(said: Instructions, name: str, value: str) -> Instructions:
    wanted = _flag(name, value)
    return replace(
        said,
        track_opens=wanted if said.track_opens is None else said.track_opens,
        track_clicks=wanted if said.track_clicks is None else said.track_clicks,
    )


def _send_at(said: Instructions, name: str, value: str) -> Instructions:
    return replace(said, send_at=_time(name, value))


def _idempotency(said: Instructions, name: str, value: str) -> Instructions:
    if len(_text(name, value)) > IDEMPOTENCY_MOST:
        raise _bad(name, f"has more than {IDEMPOTENCY_MOST} characters")
    return replace(said, idempotency_key=value)


def _sandbox(said: Instructions, name: str, value: str) -> Instructions:
    return replace(said, sandbox=_flag(name, value))


def _sendgrid(said: Instructions, name: str, value: str) -> Instructions:
    wanted = _object(name, value)
    if "category" in wanted:
        said = _with_tags(said, _strings(name, wanted["category"]))
    if "unique_args" in wanted:
        said = _with_metadata(said, _pairs(name, wanted["unique_args"]))
    if wanted.get("send_at") is not None:
        said = replace(said, send_at=_time(name, str(wanted["send_at"])))
    filters = wanted.get("filters")
    if isinstance(filters, dict):
        said = replace(
            said,
            track_opens=_enabled(filters.get("opentrack"), said.track_opens),
            track_clicks=_enabled(filters.get("clicktrack"), said.track_clicks),
        )
    return said


def _enabled(wanted: Any, default: bool | None) -> bool | None:
    settings = wanted.get("settings") if isinstance(wanted, dict) else None
    if not isinstance(settings, dict) or "enable" not in settings:
        return default
    return settings["enable"] in (1, "1", True, "true")


def _sparkpost(said: Instructions, name: str, value: str) -> Instructions:
    wanted = _object(name, value)
    if wanted.get("tags"):
        said = _with_tags(said, _strings(name, wanted["tags"]))
    if wanted.get("metadata"):
        said = _with_metadata(said, _pairs(name, wanted["metadata"]))
    options = wanted.get("options")
    if not isinstance(options, dict):
        return said
    return replace(
        said,
        track_opens=_truth(name, options.get("open_tracking"), said.track_opens),
        track_clicks=_truth(name, options.get("click_tracking"), said.track_clicks),
        sandbox=bool(_truth(name, options.get("sandbox"), said.sandbox)),
        send_at=_time(name, str(options["start_time"])) if options.get("start_time") else said.send_at,
    )


def _truth(name: str, said: Any, default: bool | None) -> bool | None:
    if said is None:
        return default
    if not isinstance(said, bool):
        raise _bad(name, "has an option that is neither true nor false")
    return said


def _with_tags(said: Instructions, tags: tuple[str, ...]) -> Instructions:
    return replace(said, tags=tuple(dict.fromkeys(said.tags + tags)))


def _with_metadata(said: Instructions, pairs: Mapping[str, str]) -> Instructions:
    return replace(said, metadata={**said.metadata, **pairs})


_DOES: dict[str, Step] = {
    "x-smtpapi": _sendgrid,
    "x-msys-api": _sparkpost,
    "x-mailgun-track": _track_all,
    "x-pm-tag": _tag,
    "x-mailgun-tag": _tag,
    "x-mc-tags": _tags,
    "x-mailin-tag": _tag,
    "x-postal-tag": _tag,
    "x-mailgun-variables": _metadata,
    "x-mc-metadata": _metadata,
    "x-ses-message-tags": _equations,
    "x-pm-message-stream": _postmark_stream,
    "x-ses-configuration-set": _stream,
    "x-pm-trackopens": _track_opens,
    "x-pm-tracklinks": _track_clicks,
    "x-mailgun-track-opens": _track_opens,
    "x-mailgun-track-clicks": _track_clicks,
    "x-mc-track": _mandrill_track,
    "x-mailgun-deliver-by": _send_at,
    "x-mc-sendat": _send_at,
    "resend-idempotency-key": _idempotency,
    "x-mailgun-drop-message": _sandbox,
    "x-aftersend-tag": _tags,
    "x-aftersend-metadata": _metadata,
    "x-aftersend-stream": _stream,
    "x-aftersend-track": _track,
    "x-aftersend-send-at": _send_at,
    "x-aftersend-sandbox": _sandbox,
    "x-aftersend-idempotency-key": _idempotency,
    "idempotency-key": _idempotency,
}
"""What each header does. Where two disagree, the later line counts, so ours stand at the end."""

NAMES = frozenset(_DOES)
BEGINNINGS = (OURS, "x-pm-", "x-mailgun-", "x-mc-", "x-ses-", "x-postal-")
"""Control headers by how they begin; what is not in the table is taken off and, unless it is ours, ignored."""

_METADATA_BEGINNINGS = (METADATA, "x-pm-metadata-")
_PLACE = {name: place for place, name in enumerate(_DOES)}
_FLAGS = {
    **dict.fromkeys(("yes", "true", "1", "on", "htmlonly", "htmlandtext", "textonly", "all"), True),
    **dict.fromkeys(("no", "false", "0", "off", "none"), False),
}


@lru_cache(maxsize=4096)
def _is_ours(name: str) -> bool:
    return name in NAMES or name.startswith(BEGINNINGS)


def _weight(name: str) -> int:
    if name.startswith(OURS):
        return 1000 + _PLACE.get(name, 0)
    return _PLACE.get(name, 0)


def _follow(said: Instructions, name: str, value: str) -> Instructions:
    step = _DOES.get(name)
    if step is not None:
        return step(said, name, value)
    beginning = next((b for b in _METADATA_BEGINNINGS if name.startswith(b) and len(name) > len(b)), None)
    if beginning is not None:
        return _with_metadata(said, {name[len(beginning) :]: value})
    if name.startswith(OURS):
        raise _unknown(name)
    return said


def _unknown(name: str) -> BadInstruction:
    known = [other for other in _DOES if other.startswith(OURS)] + [METADATA + "key"]
    close = difflib.get_close_matches(name, known, n=1)
    remedy = f"did you mean {_title(close[0])}?" if close else f"there are {', '.join(map(_title, known))}"
    return _bad(name, f"is not an instruction that is known; {remedy}")


_WRITTEN = {
    "smtpapi": "SMTPAPI",
    "msys": "MSYS",
    "api": "API",
    "pm": "PM",
    "mc": "MC",
    "ses": "SES",
    "sendat": "SendAt",
}


def _title(name: str) -> str:
    return "-".join([_WRITTEN.get(part, part.capitalize()) for part in name.split("-")])


def _short(text: str) -> str:
    text = words.without_controls(text)
    return text if len(text) <= 60 else text[:59] + "…"


def _bad(name: str, what: str) -> BadInstruction:
    title = _title(name)[:80]
    return BadInstruction(
        f"#/headers/{title.replace('~', '~0').replace('/', '~1')}",
        f"The header {title} {what}{'' if what.endswith('?') else '.'}",
    )
