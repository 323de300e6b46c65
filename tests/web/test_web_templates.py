"""Templates over HTTP: saved, looked at, and sent."""

from __future__ import annotations

import msgspec

from aftersend.web import templates_shapes

PAGE = "<style>p { color: red }</style><p>Dear {{ name }}</p>"


def test_every_version_is_kept(house):
    """The latest is given; an older one can be asked for; all go together."""
    client = house.client()
    for source in (PAGE, PAGE + "<p>{{ city }}</p>"):
        saved = client.put("/v1/templates/hello", json={"subject": "For {{ name }}", "source": source})
        assert saved.status_code == 200, saved.text
    told = msgspec.convert(saved.json(), templates_shapes.Template)
    assert (told.version, told.tags, "color: red" in told.html) == (2, ["city", "name"], True)
    assert client.get("/v1/templates/hello?version=1").json()["tags"] == ["name"]
    assert [each["version"] for each in client.get("/v1/templates").json()["data"]] == [2]
    assert client.get("/v1/templates/hello?version=3").status_code == 404
    assert client.delete("/v1/templates/hello").status_code == 204
    assert client.get("/v1/templates/hello").status_code == 404


def test_what_somebody_would_get_is_shown(house):
    """Escaped in HTML only; a tag without a value is named."""
    client = house.client()
    client.put("/v1/templates/hello", json={"subject": "{{ name }}", "source": PAGE})
    shown = client.post("/v1/templates/hello/preview", json={"data": {"name": "A&B"}}).json()
    assert (shown["subject"], "Dear A&amp;B" in shown["html"], shown["text"]) == ("A&B", True, "Dear A&B\n")
    answer = client.post("/v1/templates/hello/preview", json={})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "undefined-tag")


def test_a_message_is_made_from_a_template(house):
    """For each recipient; what the message says itself comes first."""
    client = house.client()
    client.put("/v1/templates/hello", json={"subject": "For {{ name }}", "source": PAGE})
    message = {
        "from": "shop@example.com", "template": "hello", "recipients": [{"to": "ann@example.net", "data": {"name": "Ann"}}],
    }  # fmt: skip
    sent = client.post("/v1/messages", json=message)
    assert sent.status_code == 202, sent.text
    assert client.get(f"/v1/messages/{sent.json()['id']}").json()["subject"] == "For {{ name }}"
    sent = client.post(
        "/v1/messages",
        json={
            "from": "a@example.com",
            "to": "b@example.net",
            "template": "hello",
            "data": {"name": "Bob"},
            "subject": "Own",
        },
    )
    content = client.get(f"/v1/messages/{sent.json()['id']}/content").text
    assert ("Subject: Own" in content, "Dear Bob" in content) == (True, True)
    answer = client.post("/v1/messages", json=message | {"template": "nope"})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "unknown-template")
    answer = client.post("/v1/messages", json={"from": "a@example.com", "to": "b@example.net", "template": "hello"})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "undefined-tag")


def test_a_template_that_cannot_be_used_is_refused(house):
    """With its field."""
    client = house.client()
    for source, kind in (("{% for %}", "html"), ("<mjml><mj-bo", "mjml"), ("\0", "text")):
        answer = client.put("/v1/templates/bad", json={"source": source, "kind": kind})
        assert answer.status_code == 422, source
        assert answer.json()["errors"][0]["pointer"] == "#/source"


def test_links_of_ours_have_an_example_in_the_preview(house):
    """Where visits are answered they have a value when mail is sent; elsewhere one is missing."""
    client = house.client()
    saved = {"kind": "html", "subject": "S", "source": '<a href="{{ unsubscribe_url }}">Opt out</a>'}
    assert client.put("/v1/templates/leave", json=saved).status_code == 200
    assert client.post("/v1/templates/leave/preview", json={"data": {}}).status_code == 422
    house.intake.tracking.url = "https://t.example.com"
    assert "https://example.invalid/" in client.post("/v1/templates/leave/preview", json={"data": {}}).json()["html"]
