"""What can be asked about bounces over HTTP."""

from __future__ import annotations

from aftersend.web import bounces, lists
from aftersend.web import bounces_shapes as shapes
from aftersend.web.calls import Route

BOUNCES = (
    Route(
        "GET",
        "/v1/bounces",
        "listBounces",
        bounces.listed,
        "List bounces, those of the newest deliveries first.",
        "Reports",
        gives=shapes.BouncePage,
        parameters=(*bounces.WORDS, *lists.FORWARD),
        problems=(404, 422),
    ),
    Route(
        "GET",
        "/v1/reports/bounces/{by}",
        "countBounces",
        bounces.counted,
        "Count bounces by category, reason, detail, provider, domain or day; each number with the address of its list.",
        "Reports",
        gives=shapes.BounceNumbers,
        parameters=(*bounces.WORDS, lists.FORWARD[0]),
        problems=(404, 422),
    ),
)
