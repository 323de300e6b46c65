"""Own the page on which somebody new sends a first mail and sees what becomes of it."""

from __future__ import annotations

from aftersend.errors import AftersendError
from aftersend.web import messages
from aftersend.web.calls import Answer
from aftersend.web.console.visits import Visit

_PRACTICE = {
    "from": "you@example.com",
    "to": "ann@one.practice.test",
    "subject": "Hello from the console",
    "text": "This is the first mail. Its whole story can be seen in the console.",
}
TRIALS = (
    ("ann@one.practice.test", "is delivered"),
    ("full-then-ok@one.practice.test", "has a full mailbox at first"),
    ("greylist@one.practice.test", "asks us to come back later"),
    ("unknown@one.practice.test", "does not exist"),
    ("spam@one.practice.test", "takes it for spam"),
)


async def ask(visit: Visit) -> Answer:
    """Show the form, filled in."""
    email = visit.someone.user.email
    values = _PRACTICE if visit.is_practice else {**_PRACTICE, "from": email, "to": email}
    return visit.show("first_mail.html", values=values, wrong="", trials=TRIALS)


async def send(visit: Visit) -> Answer:
    """Send it, and go to the page that follows it."""
    form = visit.form()
    values = {name: form.get(name, "").strip() for name in _PRACTICE}
    try:
        answer = await messages.send(visit.to_api({**values, "tags": ["first-mail"]}))
    except AftersendError as error:
        return visit.show("first_mail.html", error.status, values=values, wrong=error.detail, trials=TRIALS)
    return visit.go(
        f"/console/deliveries/{answer.content['deliveries'][0]['id']}", "It is taken in; this page follows it."
    )
