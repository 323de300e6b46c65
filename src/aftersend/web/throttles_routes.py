"""What can be asked about rates over HTTP."""

from __future__ import annotations

from aftersend.web import throttles
from aftersend.web import throttles_shapes as shapes
from aftersend.web.calls import Parameter, Route

THROTTLES = (
    Route(
        "GET",
        "/v1/throttles",
        "listThrottles",
        throttles.list_throttles,
        "List the account's own rates, and those that hold for all accounts.",
        "Streams",
        gives=shapes.ThrottlePage,
    ),
    Route(
        "PUT",
        "/v1/throttles",
        "setThrottle",
        throttles.set_throttle,
        "Hold mail to a rate: that of the account, to a domain or a site, or from a node or an address. Transactional "
        "mail counts, and never waits.",
        "Streams",
        "admin",
        shapes.ThrottleIn,
        gives=shapes.Throttle,
        problems=(415, 422),
    ),
    Route(
        "DELETE",
        "/v1/throttles",
        "removeThrottle",
        throttles.remove_throttle,
        "Take a rate away.",
        "Streams",
        "admin",
        status=204,
        parameters=(
            Parameter("scope", "account, domain, site, node or address."),
            Parameter("name", "The domain, the site, the node or the address."),
            Parameter("everywhere", "The one for all accounts.", schema={"type": "boolean"}),
        ),
        problems=(404, 422),
    ),
)
