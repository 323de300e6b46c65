"""What can be asked about credits over HTTP."""

from __future__ import annotations

from aftersend.web import credits, lists
from aftersend.web import credits_shapes as shapes
from aftersend.web.calls import Parameter, Route

_ACCOUNT = Parameter("account", "The account that is meant, by name or number; without it, the key's own.")
CREDITS = (
    Route(
        "GET",
        "/v1/credits",
        "getCredits",
        credits.show,
        "Return what the account has, what is set aside, what was charged, its plan, and how much waits.",
        "Credits",
        gives=shapes.Credits,
    ),
    Route(
        "GET",
        "/v1/credits/entries",
        "listCreditEntries",
        credits.list_entries,
        "List what people and plans did to the purse, the newest first.",
        "Credits",
        gives=shapes.CreditEntries,
        parameters=lists.FORWARD,
        problems=(404, 422),
    ),
    Route(
        "GET",
        "/v1/credits/days",
        "listCreditDays",
        credits.list_days,
        "List by day what mail did to the purse, for the last month.",
        "Credits",
        gives=shapes.CreditDays,
    ),
    Route(
        "POST",
        "/v1/credits",
        "topUpCredits",
        credits.top_up,
        "Put credits in, or take some out; mail that waits for them goes on at once. The first begins to count the mail.",
        "Credits",
        "operate",
        shapes.TopUpIn,
        gives=shapes.Credits,
        problems=(404, 415, 422),
    ),
    Route(
        "PUT",
        "/v1/credits/plan",
        "setCreditPlan",
        credits.set_plan,
        "Fill the purse now, and again after every period.",
        "Credits",
        "operate",
        shapes.CreditPlanIn,
        gives=shapes.Credits,
        problems=(404, 415, 422),
    ),
    Route(
        "DELETE",
        "/v1/credits/plan",
        "endCreditPlan",
        credits.end_plan,
        "End the plan; what is in the purse stays there.",
        "Credits",
        "operate",
        gives=shapes.Credits,
        parameters=(_ACCOUNT,),
        problems=(404, 422),
    ),
    Route(
        "DELETE",
        "/v1/credits",
        "stopCredits",
        credits.stop,
        "Count the account's mail no longer; what waits for credits goes on.",
        "Credits",
        "operate",
        status=204,
        parameters=(_ACCOUNT,),
        problems=(404, 422),
    ),
)
