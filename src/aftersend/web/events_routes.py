"""What can be asked about the event stream over HTTP."""

from __future__ import annotations

from aftersend.web import events
from aftersend.web.calls import Route
from aftersend.web.events_shapes import StreamPage

EVENTS = (
    Route(
        "GET",
        "/v1/events",
        "listEvents",
        events.events,
        "Read all that happened to an account's mail, in the order in which it was written down. With Accept: "
        "application/x-ndjson one event a line; with Accept: text/event-stream as it comes.",
        "Events",
        gives=StreamPage,
        parameters=events.PARAMETERS,
        problems=(422, 503),
    ),
)
