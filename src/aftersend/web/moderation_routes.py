"""What can be asked about moderation over HTTP."""

from __future__ import annotations

from aftersend.web import lists, moderation
from aftersend.web import moderation_shapes as shapes
from aftersend.web.calls import Parameter, Route

_FILTER = (
    Parameter("state", "pending, accepted, quarantined or passed."),
    Parameter("rule", "Those that one rule found, such as engine or new_sender."),
    Parameter("q", "A part of the subject or of the sender."),
    Parameter("account", "Another account's, by name or number, or * for all; needs the scope `operate`."),
)
MODERATION = (
    Route(
        "GET",
        "/v1/moderation",
        "listModeration",
        moderation.list_judged,
        "List messages that were judged by the anti-spam rules, the newest first.",
        "Moderation",
        gives=shapes.JudgedPage,
        parameters=(*_FILTER, *lists.FORWARD),
        problems=(404, 422),
    ),
    Route(
        "GET",
        "/v1/moderation/policy",
        "getModerationPolicy",
        moderation.rule,
        "Say how the account's mail is moderated, and how much awaits a moderator.",
        "Moderation",
        gives=shapes.OversightOut,
    ),
    Route(
        "PUT",
        "/v1/moderation/policy",
        "setModerationPolicy",
        moderation.set_rule,
        "Say how an account's mail is moderated, or that of all (`account` *) without a rule of their own.",
        "Moderation",
        "operate",
        shapes.OversightIn,
        gives=shapes.OversightOut,
        problems=(404, 415, 422),
    ),
    Route(
        "POST",
        "/v1/moderation",
        "decideModeration",
        moderation.decide,
        "Say yes or no to messages, named by ids or found by a filter, page by page; all their deliveries follow at once. "
        "A no is kept, and can become a yes.",
        "Moderation",
        "operate",
        shapes.DecisionIn,
        gives=shapes.Decided,
        problems=(404, 415, 422),
    ),
    Route(
        "GET",
        "/v1/moderation/{id}",
        "getModeration",
        moderation.one_judged,
        "Return one message with what was found, what it says, and its first recipients.",
        "Moderation",
        gives=shapes.JudgedWhole,
        problems=(404,),
    ),
)
