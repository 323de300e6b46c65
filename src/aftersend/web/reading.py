"""Read what a client sends: the body within its bounds, JSON into values, every fault named with its place (RFC 6901)."""

from __future__ import annotations

import difflib
import re
import types
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

import msgspec
from msgspec import Struct

from aftersend.errors import BadField, BadFields
from aftersend.web.problems import BadJson

S = TypeVar("S", bound=Struct)

FAULTS_MOST = 50
"""So many faults are named at once; more would help nobody."""
_AT = re.compile(r"(.*) - at `\$(.*)`", re.DOTALL)
_WORDS = {
    "`str`": "text",
    "`int`": "a whole number",
    "`float`": "a number",
    "`bool`": "true or false",
    "`array`": "a list",
    "`object`": "an object",
    "`null`": "null",
    "`bytes`": "base64",
}


def json(body: bytes) -> Any:
    """Read JSON. Raise BadJson that says where it breaks."""
    if not body.strip():
        raise BadJson("The body is empty; send a JSON object.")
    try:
        return msgspec.json.decode(body)
    except RecursionError:
        raise BadJson("The JSON is nested too deep; nothing here needs that.") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadJson(f"The body is not JSON: {error}.") from None


def convert(found: Any, kind: type[S], pointer: str = "#") -> S:
    """Make a value of `kind` of plain data. Raise BadFields that names every fault at once."""
    made, wrong = convert_all(found, kind, pointer)
    if wrong:
        raise BadFields(wrong[:FAULTS_MOST])
    return made


def convert_all(found: Any, kind: type[S], pointer: str = "#") -> tuple[S, list[BadField]]:
    """Make a value of `kind` of plain data, and return with it every fault. A field with a fault has its default, or "";
    so whoever checks further can name what else is wrong in the same answer.
    """
    try:
        return msgspec.convert(found, kind), []
    except msgspec.ValidationError as error:
        wrong: list[BadField] = []
        made = _struct(found, kind, pointer, wrong)
        return made, wrong or [_fault(str(error), pointer)]


def escaped(name: str) -> str:
    """Write a name as part of a JSON pointer (RFC 6901 §3), bounded."""
    return name[:80].replace("~", "~0").replace("/", "~1")


def _struct(found: Any, kind: type[S], pointer: str, wrong: list[BadField]) -> S:
    fields = _fields(kind)
    if not isinstance(found, dict):
        wrong.append(BadField(pointer, f"Expected an object with fields, got {_named(found)}."))
        found = {}
        fields_missing = ""
    else:
        fields_missing = "{name} is missing; add it."
    wrong += [_unknown(name, pointer, list(fields)) for name in found if name not in fields]
    values: dict[str, Any] = {}
    for name, field in fields.items():
        place = f"{pointer}/{escaped(name)}"
        before = len(wrong)
        if name in found:
            value = _value(found[name], field.type, place, wrong)
            if len(wrong) == before:
                values[field.name] = value
                continue
        elif field.required and fields_missing:
            wrong.append(BadField(place, fields_missing.format(name=name), code="missing-field"))
        if field.required:
            values[field.name] = ""
    return kind(**values)


@lru_cache(maxsize=100)
def _fields(kind: type[Struct]) -> dict[str, msgspec.structs.FieldInfo]:
    return {field.encode_name: field for field in msgspec.structs.fields(kind)}


def _unknown(name: str, pointer: str, known: list[str]) -> BadField:
    near = difflib.get_close_matches(name[:60], known, 1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}."
    return BadField(f"{pointer}/{escaped(name)}", f"There is no field {name[:60]!r} here; {hint}", code="unknown-field")


def _value(found: Any, kind: Any, pointer: str, wrong: list[BadField]) -> Any:
    metas: tuple[Any, ...] = ()
    plain = kind
    while get_origin(plain) is Annotated:
        plain, *more = get_args(plain)
        metas += tuple(more)
    plain = _chosen(found, plain)
    if isinstance(plain, type) and issubclass(plain, Struct):
        return _struct(found, plain, pointer, wrong)
    origin = get_origin(plain)
    if origin is list and isinstance(found, list):
        items = [_value(item, get_args(plain)[0], f"{pointer}/{i}", wrong) for i, item in enumerate(found)]
        return _checked(items, list[Any], metas, pointer, wrong)
    if origin is dict and isinstance(found, dict):
        pairs = {
            name: _value(item, get_args(plain)[1], f"{pointer}/{escaped(name)}", wrong) for name, item in found.items()
        }
        return _checked(pairs, dict[str, Any], metas, pointer, wrong)
    return _checked(found, plain, metas, pointer, wrong)


def _chosen(found: Any, plain: Any) -> Any:
    """Of several kinds that a field may have, the one that the value is closest to; the whole union if none is."""
    if get_origin(plain) not in (Union, types.UnionType):
        return plain
    for option in get_args(plain):
        bare = get_args(option)[0] if get_origin(option) is Annotated else option
        if isinstance(found, list) and get_origin(bare) is list:
            return option
        if isinstance(found, dict) and (
            get_origin(bare) is dict or (isinstance(bare, type) and issubclass(bare, Struct))
        ):
            return option
    return plain


def _checked(found: Any, plain: Any, metas: tuple[Any, ...], pointer: str, wrong: list[BadField]) -> Any:
    kind = plain
    for meta in metas:
        kind = Annotated[kind, meta]
    try:
        return msgspec.convert(found, kind, strict=True)
    except msgspec.ValidationError as error:
        wrong.append(_fault(str(error), pointer))
        return None


def _fault(text: str, pointer: str) -> BadField:
    placed = _AT.fullmatch(text)
    if placed:
        text = placed[1]
    for word, plain in _WORDS.items():
        text = text.replace(word, plain)
    text = text.replace("`", "").replace(" | ", " or ")
    return BadField(pointer, f"{text}.")


def _named(found: Any) -> str:
    if found is None:
        return "null"
    kinds: Mapping[type, str] = {bool: "true or false", int: "a number", float: "a number", str: "text", list: "a list"}
    return kinds.get(type(found), "something else")


def whole_number(text: str, name: str, *, least: int, most: int) -> int:
    """Read a number of a query. Raise BadField."""
    if not text.isascii() or not text.isdigit() or len(text) > 9 or not least <= int(text) <= most:
        raise BadField(
            f"#/{name}",
            f"{name} is a whole number from {least} to {most}, not {text[:40]!r}.",
            code="invalid-limit" if name == "limit" else None,
        )
    return int(text)


def one_of(text: str, name: str, words: Sequence[str]) -> str:
    """Read one of a few words of a query. Raise BadField."""
    if text not in words:
        raise BadField(f"#/{name}", f"{name} is {' or '.join(words)}, not {text[:40]!r}.")
    return text


def truth(text: str, name: str) -> bool:
    """Read true or false of a query. Raise BadField."""
    if text not in ("true", "false"):
        raise BadField(f"#/{name}", f"{name} is true or false, not {text[:40]!r}.")
    return text == "true"
