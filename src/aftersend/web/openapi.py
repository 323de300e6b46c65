"""Describe the API for programs: OpenAPI 3.1, made from the table of routes and the types of what is taken and given."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import msgspec

from aftersend.web.calls import JSON, Parameter, Route
from aftersend.web.problems import MEDIA_TYPE
from aftersend.web.shapes import EXAMPLES, Problem

_VARIABLE = re.compile(r"\{(\w+)(?::path)?\}")
_SAYS = {
    400: "The request cannot be read.",
    401: "No key, or none of ours.",
    403: "The key may not do this.",
    404: "There is no such thing for this account.",
    409: "It contradicts what is already there.",
    413: "Too large.",
    415: "A body of this type is not taken here.",
    422: "A field is wrong; `errors` names every one.",
    429: "Too many tries; wait for the time in Retry-After.",
    503: "Not just now; nothing was kept.",
    507: "The disk is full; nothing was kept.",
}
_IDS = {
    "ret": "returns",
    "dlv": "deliveries",
    "msg": "messages",
    "key": "keys",
    "con": "contacts",
    "brd": "broadcasts",
    "imp": "imports",
    "whk": "webhooks",
}


def document(routes: Sequence[Route], version: str, url: str) -> dict[str, Any]:
    """Return the description. Every example in it is valid."""
    return {**_fixed(tuple(route for route in routes if route.is_shown), version), "servers": [{"url": url}]}


@lru_cache(maxsize=4)
def _fixed(routes: tuple[Route, ...], version: str) -> dict[str, Any]:
    kinds = [kind for route in routes for kind in (route.takes, route.gives) if kind is not None]
    schemas, components = msgspec.json.schema_components([*kinds, Problem], ref_template="#/components/schemas/{name}")
    schema_of = dict(zip(map(repr, kinds), schemas, strict=False))
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        path = _VARIABLE.sub(r"{\1}", route.path)
        paths.setdefault(path, {})[route.method.lower()] = _operation(route, schema_of)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Aftersend",
            "version": version,
            "description": "Sends email, and tells the truth about every message. Errors are RFC 9457 problems; lists go by "
            "`after` and `next`; times are RFC 3339 in UTC.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "security": [{"key": []}],
        "tags": [{"name": topic} for topic in dict.fromkeys(route.topic for route in routes)],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(components.items())),
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "An API key: as_live_… or as_test_…"}
            },
            "responses": {
                str(status): {
                    "description": says,
                    "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
                }
                for status, says in _SAYS.items()
            },
        },
    }


def _operation(route: Route, schema_of: dict[str, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.says,
        "tags": [route.topic],
        "parameters": [_path_parameter(name, route.path) for name in _VARIABLE.findall(route.path)]
        + [_parameter(parameter) for parameter in route.parameters],
        "responses": _responses(route, schema_of),
    }
    if route.scope is None:
        described["security"] = []
    else:
        described["description"] = f"Needs a key with the scope `{route.scope}`."
    content: dict[str, Any] = {}
    if route.takes is not None:
        content[JSON] = {"schema": schema_of[repr(route.takes)]}
        if route.name in EXAMPLES:
            content[JSON]["example"] = EXAMPLES[route.name]
    for media in route.takes_also:
        content[media] = {"schema": {"type": "string"}}
    if content:
        described["requestBody"] = {"required": route.method != "PUT", "content": content}
    return described


def _responses(route: Route, schema_of: dict[str, Any]) -> dict[str, Any]:
    done: dict[str, Any] = {"description": route.says if route.status != 204 else "Done."}
    if route.gives is not None:
        done["content"] = {JSON: {"schema": schema_of[repr(route.gives)]}}
    elif route.gives_media != JSON:
        done["content"] = {route.gives_media: {"schema": {"type": "string"}}}
    for media in route.gives_also:
        done["content"][media] = {"schema": {"type": "string"}}
    responses = {str(route.status): done}
    if route.name == "sendBatch":
        responses["207"] = {**done, "description": "Some were refused."}
    if route.name == "ready":
        responses["503"] = {**done, "description": "Something is not in order; it is named."}
    everywhere = (400, 401, 403, 429) if route.scope is not None else ()
    for status in sorted({*everywhere, *route.problems}):
        responses.setdefault(str(status), {"$ref": f"#/components/responses/{status}"})
    return responses


def _path_parameter(name: str, path: str) -> dict[str, Any]:
    if name != "id":
        noun = next((noun for noun in ("list", "template") if f"/{noun}s/" in path), "domain")
        says = "An email address." if name == "address" else f"The name of a {noun}."
        return {
            "name": name,
            "in": "path",
            "required": True,
            "description": says,
            "schema": {"type": "string", "minLength": 1},
        }
    place = path.replace("/moderation/", "/messages/")
    prefix = next(prefix for prefix, noun in _IDS.items() if f"/{noun}/" in place)
    schema = {"type": "string", "pattern": f"^{prefix}_[0-9a-z]{{13}}$"}
    return {"name": name, "in": "path", "required": True, "description": f"An id: {prefix}_…", "schema": schema}


def _parameter(parameter: Parameter) -> dict[str, Any]:
    schema: dict[str, Any] = dict(parameter.schema)
    if parameter.is_list:
        schema = {"type": "array", "items": schema}
    described: dict[str, Any] = {
        "name": parameter.name,
        "in": parameter.where,
        "required": parameter.is_required,
        "description": parameter.says,
        "schema": schema,
    }
    if parameter.is_list:
        described |= {"style": "form", "explode": True}
    if parameter.example is not None:
        described["example"] = parameter.example
    return described
