"""The description for programs says what is so."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec
import pytest

from aftersend.web import openapi, shapes
from aftersend.web.routes import ROUTES

_VARIABLE = re.compile(r"\{(\w+)\}")


def test_the_description_is_openapi(house):
    """OpenAPI 3.1, the same at both addresses, for every route but the pages; every reference leads somewhere."""
    client = house.client(key="")
    document = client.get("/openapi.json").json()
    assert document == client.get("/v1/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    operations = {op["operationId"] for path in document["paths"].values() for op in path.values()}
    assert operations == {route.name for route in ROUTES if route.is_shown}
    text = json.dumps(document)
    for name in set(re.findall(r'"#/components/(\w+/\w+)"', text)):
        kind, _, item = name.partition("/")
        assert item in document["components"][kind], name


def test_every_part_of_a_path_is_described():
    """And every operation has a summary, a topic and its problems."""
    document = openapi.document(ROUTES, "0", "http://x")
    for path, methods in document["paths"].items():
        for operation in methods.values():
            described = {parameter["name"] for parameter in operation["parameters"] if parameter["in"] == "path"}
            assert described == set(_VARIABLE.findall(path))
            assert operation["summary"].endswith(".")
            assert operation["tags"]
            assert all(parameter["description"] for parameter in operation["parameters"])


@pytest.mark.parametrize("name", shapes.EXAMPLES)
def test_every_example_is_taken(house, name):
    """An example that is not valid would be worse than none."""
    client = house.client()
    (route,) = [route for route in ROUTES if route.name == name]
    answer = client.request(
        route.method, route.path.replace("{address:path}", "ann@example.net"), json=shapes.EXAMPLES[name]
    )
    assert answer.status_code == route.status, answer.text
    if route.gives is not None:
        msgspec.convert(answer.json(), route.gives)


def test_every_list_and_report_has_the_described_form(house):
    """What GET gives without an id converts to its type, with rows in it."""
    client = house.client()
    client.post("/v1/messages", json=shapes.EXAMPLES["send"])
    client.post("/v1/messages", json={})
    client.put("/v1/suppressions/ann@example.net", json={"why": "x"})
    for route in ROUTES:
        if route.method == "GET" and route.gives is not None and "{" not in route.path:
            answer = client.get(route.path)
            assert answer.status_code == 200, route.name
            msgspec.convert(answer.json(), route.gives)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["POSITIVE", "NEGATIVE"])
def test_random_requests_are_answered_as_described(house, mode):
    """Schemathesis makes requests from the description, valid ones and others; every answer is as described, none is a fault."""
    import schemathesis
    from hypothesis import HealthCheck, Phase, given, settings
    from schemathesis import GenerationMode, checks

    @schemathesis.serializer("message/rfc822")
    def raw(context: Any, value: Any) -> Any:
        return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")

    key = house.key("*")
    document: dict[str, Any] = house.client(key="").get("/openapi.json").json()
    schema = schemathesis.openapi.from_dict(document)
    failures: list[str] = []
    for operation in schema.get_all_operations():
        described = operation.ok()
        if described.label in ("POST /v1/domains", "POST /v1/domains/{name}/keys/rotate"):
            continue  # makes RSA keys
        if mode == "NEGATIVE" and not (
            described.path_parameters or described.query or described.headers or described.body
        ):
            continue  # has nothing that could be wrong

        @given(case=described.as_strategy(generation_mode=GenerationMode[mode]))
        @settings(
            max_examples=12,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def check(case: Any) -> None:
            answer = case.call(base_url=house.url, headers={"authorization": f"Bearer {key}"}, timeout=20)
            case.validate_response(
                answer,
                checks=[
                    checks.not_a_server_error,
                    checks.status_code_conformance,
                    checks.content_type_conformance,
                    checks.response_schema_conformance,
                ],
            )

        try:
            check()
        except BaseException as error:
            failures.append(f"{described.label}: {error}"[:3000])
    assert not failures, "\n\n".join(failures)
