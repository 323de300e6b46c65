"""Taking messages in over HTTP."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from aftersend import clock

HELLO: dict[str, Any] = {
    "from": "Shop <shop@example.com>",
    "to": ["Ann <ann@example.net>"],
    "subject": "Hello",
    "text": "Hi",
}
RAW = b"From: Shop <shop@example.com>\r\nTo: ann@example.net\r\nSubject: Raw\r\n\r\nHi\r\n"


def test_a_message_is_taken_with_one_delivery_for_each_recipient(house):
    """202, an id for the message and one for each recipient, whatever field named it."""
    answer = house.client().post(
        "/v1/messages", json=HELLO | {"cc": "bob@example.net", "bcc": ["Carl <carl@example.net>"]}
    )
    assert answer.status_code == 202
    told = answer.json()
    assert told["status"] == "received"
    assert [d["recipient"] for d in told["deliveries"]] == ["ann@example.net", "bob@example.net", "carl@example.net"]
    assert {d["status"] for d in told["deliveries"]} == {"received"}
    assert answer.headers["location"] == f"/v1/messages/{told['id']}"


def test_a_mailbox_named_twice_gets_one_copy(house):
    """Two spellings of one address are one recipient."""
    answer = house.client().post("/v1/messages", json=HELLO | {"to": "ann@example.net, Ann@EXAMPLE.net"})
    assert len(answer.json()["deliveries"]) == 1


def test_what_was_sent_is_what_is_kept(house):
    """The content is a complete message: headers, both texts, the attachment; recipients of blind copies stay hidden."""
    content = base64.b64encode(b"%PDF").decode()
    body = HELLO | {
        "bcc": "boss@example.net",
        "html": "<p>Hi</p>",
        "reply_to": "help@example.com",
        "headers": {"X-Order": "4711"},
        "attachments": [{"filename": "a.pdf", "content": content, "content_type": "application/pdf"}],
    }
    client = house.client()
    told = client.post("/v1/messages", json=body).json()
    answer = client.get(f"/v1/messages/{told['id']}/content")
    raw = answer.content
    assert answer.headers["content-type"] == "message/rfc822"
    assert answer.headers["content-disposition"].startswith("attachment")
    for part in (
        b"From: Shop <shop@example.com>",
        b"Reply-To: help@example.com",
        b"X-Order: 4711",
        b"<p>Hi</p>",
        b'"a.pdf"',
        b"JVBERg==",
    ):
        assert part in raw or part.replace(b'"', b"") in raw
    assert b"boss@" not in raw


def test_tags_metadata_stream_and_time_are_kept(house):
    """What is said beside the message is found in the log."""
    body = HELLO | {
        "tags": ["receipt"],
        "metadata": {"order": "4711"},
        "stream": "general",
        "scheduled_at": clock.iso(clock.now() + clock.HOUR),
    }
    client = house.client()
    told = client.post("/v1/messages", json=body).json()
    row = client.get(f"/v1/messages/{told['id']}/deliveries").json()["data"][0]
    assert (row["tags"], row["metadata"], row["stream"]) == (["receipt"], {"order": "4711"}, "general")
    assert row["scheduled_at"] == body["scheduled_at"]


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/raw"])
def test_a_whole_message_is_taken_with_its_envelope_in_the_query(house, path):
    """message/rfc822 keeps its bytes; lines that end with LF are written with CRLF."""
    client = house.client()
    params = [("from", "bounce@example.com"), ("to", "ann@example.net"), ("to", "bob@example.net")]
    answer = client.post(
        path, params=params, content=RAW.replace(b"\r\n", b"\n"), headers={"content-type": "message/rfc822"}
    )
    assert answer.status_code == 202, answer.text
    told = answer.json()
    assert len(told["deliveries"]) == 2
    row = client.get(f"/v1/deliveries/{told['deliveries'][0]['id']}").json()
    assert (row["sender"], row["subject"]) == ("bounce@example.com", "Raw")
    assert client.get(f"/v1/messages/{told['id']}/content").content.endswith(b"\r\n\r\nHi\r\n")


def test_the_null_sender_is_taken(house):
    """RFC 5321 §4.5.5: an empty sender is a sender."""
    answer = house.client().post(
        "/v1/messages/raw?from=&to=ann@example.net", content=RAW, headers={"content-type": "message/rfc822"}
    )
    assert answer.status_code == 202


@pytest.mark.parametrize(
    ("query", "content", "pointer"),
    [
        ("?to=ann@example.net", RAW, "#/from"),
        ("?from=a@example.com&from=b@example.com&to=ann@example.net", RAW, "#/from"),
        ("?from=shop@example.com", RAW, "#/to"),
        ("?from=shop@example.com&to=ann@example.net&to=bob", RAW, "#/to/1"),
        ("?from=shop@example.com&to=ann@example.net&subject=x", RAW, "#/subject"),
        ("?from=shop@example.com&to=ann@example.net", b"", "#"),
        ("?from=shop@example.com&to=ann@example.net", RAW + b"bare\rCR\r\n", "#"),
        ("?from=shop@example.com&to=ann@example.net", RAW + b"NUL\0\r\n", "#"),
    ],
)
def test_a_bad_envelope_or_message_is_refused_by_name(house, query, content, pointer):
    """Each fault names its place."""
    answer = house.client().post(
        "/v1/messages/raw" + query, content=content, headers={"content-type": "message/rfc822"}
    )
    assert answer.status_code == 422, answer.text
    assert pointer in [error["pointer"] for error in answer.json()["errors"]]


def test_a_message_without_from_is_refused_and_kept_nowhere(house):
    """Nothing is half kept."""
    client = house.client()
    answer = client.post(
        "/v1/messages/raw?from=shop@example.com&to=ann@example.net",
        content=b"Subject: No author\r\n\r\nHi\r\n",
        headers={"content-type": "message/rfc822"},
    )
    assert answer.status_code == 422
    assert answer.json()["type"].endswith("/p/no-from")
    assert client.get("/v1/deliveries").json()["data"] == []


BAD: list[tuple[dict[str, Any], dict[str, str]]] = [
    ({"from": None}, {"#/from": "invalid-field"}),
    ({"from": "shop"}, {"#/from": "invalid-address"}),
    ({"from": "a@example.com, b@example.com"}, {"#/from": "invalid-address"}),
    ({"to": []}, {"#/to": "no-recipient"}),
    ({"to": ["ann@example.net", "bob@"]}, {"#/to/1": "invalid-address"}),
    ({"to": "ann@example.net; bob"}, {"#/to": "invalid-address"}),
    ({"to": [1]}, {"#/to/0": "invalid-field"}),
    ({"to": {"email": "ann@example.net"}}, {"#/to": "invalid-field"}),
    ({"cc": ["ann@[127.0.0.1]"]}, {"#/cc/0": "invalid-address"}),
    ({"subject": "a\r\nBcc: x@example.net"}, {"#/subject": "invalid-subject"}),
    ({"text": None}, {"#/text": "no-content"}),
    ({"headers": {"Received": "x"}}, {"#/headers/Received": "invalid-header"}),
    ({"headers": {"X-A": "b\nBcc: x@example.net"}}, {"#/headers/X-A": "invalid-header"}),
    ({"headers": {"X-A": 1}}, {"#/headers/X-A": "invalid-field"}),
    ({"headers": {"a/b~c": "x"}}, {"#/headers/a~1b~0c": "invalid-header"}),
    ({"attachments": [{"filename": "a", "content": "*"}]}, {"#/attachments/0/content": "invalid-attachment"}),
    ({"attachments": [{"content": "YQ=="}]}, {"#/attachments/0/filename": "missing-field"}),
    ({"attachments": [{"filename": "a", "content": "YQ==", "type": "x"}]}, {"#/attachments/0/type": "unknown-field"}),
    (
        {"attachments": [{"filename": "a", "content": "YQ==", "content_type": "x"}]},
        {"#/attachments/0/content_type": "invalid-attachment"},
    ),
    ({"stream": "nope"}, {"#/stream": "unknown-stream"}),
    ({"tags": ["x" * 129]}, {"#/tags/0": "invalid-field"}),
    ({"tags": ["x"] * 21}, {"#/tags": "invalid-field"}),
    ({"metadata": {"a": 1}}, {"#/metadata/a": "invalid-field"}),
    ({"metadata": {"a": "x" * 3000}}, {"#/metadata": "too-much-metadata"}),
    ({"scheduled_at": "tomorrow"}, {"#/scheduled_at": "invalid-time"}),
    ({"scheduled_at": "2999-01-01T00:00:00Z"}, {"#/scheduled_at": "schedule-too-far"}),
    ({"track": {"opens": "yes"}}, {"#/track/opens": "invalid-field"}),
    ({"sandbox": "no"}, {"#/sandbox": "invalid-field"}),
    ({"subjet": "x"}, {"#/subjet": "unknown-field"}),
    (
        {"subjet": "x", "to": ["bob@"], "stream": "nope", "scheduled_at": "soon", "subject": "a\nb"},
        {
            "#/subjet": "unknown-field",
            "#/to/0": "invalid-address",
            "#/stream": "unknown-stream",
            "#/scheduled_at": "invalid-time",
            "#/subject": "invalid-subject",
        },
    ),
]


@pytest.mark.parametrize(("change", "faults"), BAD, ids=lambda value: str(value)[:60])
def test_bad_input_is_named_with_its_place_and_its_remedy(house, change, faults):
    """Every fault at once, each with a pointer (RFC 6901), a code that has a help page, and a sentence."""
    client = house.client()
    answer = client.post("/v1/messages", json=HELLO | change)
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert {error["pointer"]: error["code"] for error in problem["errors"]} == faults
    assert all(len(error["detail"]) > 10 for error in problem["errors"])
    assert problem["title"]
    assert problem["status"] == 422
    assert problem["request_id"] == answer.headers["x-request-id"]
    for address in (problem["type"], *(f"/p/{error['code']}" for error in problem["errors"])):
        assert client.get(address).status_code == 200, address
    assert client.get("/v1/deliveries").json()["data"] == []


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "bad-json"),
        (b"{", "bad-json"),
        (b"\xff", "bad-json"),
        (b'{"from": "\xff"}', "bad-json"),
        (b"[" * 100_000, "bad-json"),
        (b"[" * 100_000 + b"]" * 100_000, "bad-json"),
        (b"[]", "invalid-field"),
        (b"null", "invalid-field"),
        (b'"text"', "invalid-field"),
    ],
)
def test_what_is_no_json_object_is_refused(house, content, code):
    """However it is broken, the answer is a problem and not a fault of ours."""
    answer = house.client().post("/v1/messages", content=content, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 422)
    assert answer.json()["type"].endswith(f"/p/{code}")


def test_a_lone_surrogate_does_no_harm(house):
    """JSON can write half a character; no field takes it, and nothing breaks."""
    for field in ("subject", "text", "from", "to", "stream"):
        content = (
            b'{"from":"shop@example.com","to":"ann@example.net","subject":"x","text":"x","%s":"\\ud800"}'
            % field.encode()
        )
        answer = house.client().post("/v1/messages", content=content, headers={"content-type": "application/json"})
        assert answer.status_code in (400, 422), (field, answer.text)


def test_too_many_recipients_are_refused(make_house):
    """The limit of SMTP holds here as well."""
    house = make_house(max_recipients=2)
    body = HELLO | {"to": [f"ann{i}@example.net" for i in range(3)]}
    answer = house.client().post("/v1/messages", json=body)
    assert [error["code"] for error in answer.json()["errors"]] == ["too-many-recipients"]


def test_a_message_over_the_limit_is_refused_as_too_large(make_house):
    """413, by the size of the message as by the size of the request, before it has been read."""
    house = make_house(max_size=20_000, max_body=100_000)
    client = house.client()
    assert client.post("/v1/messages", json=HELLO | {"text": "a line\n" * 2_000}).status_code == 202
    for size in (30_000, 200_000):
        answer = client.post("/v1/messages", json=HELLO | {"text": "a line\n" * (size // 7)})
        assert answer.status_code == 413
        assert answer.json()["type"].endswith("/p/too-large")
    chunks = (b" " * 50_000 for _ in range(3))
    answer = client.post("/v1/messages", content=chunks, headers={"content-type": "application/json"})
    assert answer.status_code == 413


# ---- idempotency ---------------------------------------------------------------------------------------------------


def test_a_repeated_request_sends_nothing_twice(house):
    """The same key and the same content give the first answer again, marked as a replay."""
    client = house.client()
    key = {"idempotency-key": "order-4711/receipt"}
    first = client.post("/v1/messages", json=HELLO, headers=key)
    house.call(house.store.run(lambda connection: None))
    again = client.post("/v1/messages", json=HELLO, headers=key)
    assert again.status_code == 202
    assert again.json() == first.json()
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert len(client.get("/v1/deliveries").json()["data"]) == 1


def test_a_key_that_was_used_for_another_message_is_refused(house):
    """409, and nothing is kept."""
    client = house.client()
    key = {"idempotency-key": "once"}
    client.post("/v1/messages", json=HELLO, headers=key)
    answer = client.post("/v1/messages", json=HELLO | {"text": "Other"}, headers=key)
    assert answer.status_code == 409
    assert answer.json()["type"].endswith("/p/idempotency-key-reused")
    assert len(client.get("/v1/deliveries").json()["data"]) == 1


def test_a_key_means_nothing_to_another_account(house):
    """Idempotency keys are each account's own."""
    key = {"idempotency-key": "once"}
    first = house.client().post("/v1/messages", json=HELLO, headers=key)
    other = house.client(account_id=2).post("/v1/messages", json=HELLO | {"text": "Other"}, headers=key)
    assert other.status_code == 202
    assert other.json()["id"] != first.json()["id"]


def test_fifty_calls_at_once_with_one_key_make_one_message(house_on_each_engine):
    """However they meet, one is taken and all get the same answer."""
    client = house_on_each_engine.client()
    key = {"idempotency-key": "rush"}
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: client.post("/v1/messages", json=HELLO, headers=key), range(50)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.text for answer in answers}) == 1
    assert sum("idempotent-replayed" not in answer.headers for answer in answers) == 1
    assert len(client.get("/v1/deliveries").json()["data"]) == 1


@pytest.mark.parametrize("key", ["", "x" * 257])
def test_an_impossible_key_is_refused(house, key):
    """1 to 256 characters."""
    answer = house.client().post("/v1/messages", json=HELLO, headers={"idempotency-key": key})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["code"] == "invalid-idempotency-key"


# ---- batches -------------------------------------------------------------------------------------------------------


def test_each_message_of_a_batch_is_taken_or_refused_by_itself(house):
    """207, and each result as if it had been sent alone."""
    client = house.client()
    answer = client.post("/v1/messages/batch", json=[HELLO, HELLO | {"to": "bob"}, HELLO | {"to": "carl@example.net"}])
    assert answer.status_code == 207
    told = answer.json()
    assert [result["status"] for result in told["data"]] == [202, 422, 202]
    assert (told["accepted"], told["refused"]) == (2, 1)
    assert told["data"][1]["problem"]["errors"][0]["pointer"] == "#/to"
    assert len(client.get("/v1/deliveries").json()["data"]) == 2


def test_a_repeated_batch_sends_nothing_twice(house):
    """The key of a batch stands for each of its messages."""
    client = house.client()
    batch = [HELLO | {"to": f"ann{i}@example.net"} for i in range(5)]
    key = {"idempotency-key": "batch-1"}
    first = client.post("/v1/messages/batch", json=batch, headers=key)
    again = client.post("/v1/messages/batch", json=batch, headers=key)
    assert first.status_code == again.status_code == 202
    assert all(result["replayed"] for result in again.json()["data"])
    assert [r["message"] for r in again.json()["data"]] == [r["message"] for r in first.json()["data"]]
    assert len(client.get("/v1/deliveries").json()["data"]) == 5


@pytest.mark.parametrize("batch", [[], {}, [{}] * 1001], ids=["none", "no list", "too many"])
def test_a_batch_has_1_to_1000_messages(house, batch):
    """Anything else is refused as a whole."""
    assert house.client().post("/v1/messages/batch", json=batch).status_code == 422


# ---- what is refused -----------------------------------------------------------------------------------------------


def test_a_refused_submission_is_written_down(house):
    """004, first step: Error. Seen in the list of refusals, never as a delivery."""
    client = house.client()
    client.post("/v1/messages", json=HELLO | {"stream": "nope"})
    house.call(house.store.run(lambda connection: None))
    (refusal,) = client.get("/v1/refusals").json()["data"]
    assert (refusal["via"], refusal["sender"], refusal["recipient"]) == ("http", HELLO["from"], HELLO["to"][0])
    assert "nope" in refusal["said"]
    assert house.client(account_id=2).get("/v1/refusals").json()["data"] == []


def test_refusals_go_by_pages(house):
    """Newest first, each once."""
    client = house.client()
    for i in range(5):
        client.post("/v1/messages", json=HELLO | {"stream": f"nope{i}"})
    house.call(house.store.run(lambda connection: None))
    seen, address = [], "/v1/refusals?limit=2"
    while address:
        page = client.get(address).json()
        seen += [refusal["said"] for refusal in page["data"]]
        address = page["next"]
    assert [f"nope{i}" in said for i, said in zip((4, 3, 2, 1, 0), seen, strict=True)] == [True] * 5
