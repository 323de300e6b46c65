"""What can be asked about returned mail over HTTP."""

from __future__ import annotations

from aftersend.web import lists, returns
from aftersend.web import returns_shapes as shapes
from aftersend.web.calls import Route

RETURNS = (
    Route(
        "GET",
        "/v1/returns",
        "listReturns",
        returns.list_unread,
        "List returned mail that no rule understood, the newest first.",
        "Returns",
        gives=shapes.UnreadPage,
        parameters=lists.FORWARD,
        problems=(404, 422),
    ),
    Route(
        "GET",
        "/v1/returns/{id}",
        "getReturn",
        returns.one_unread,
        "Return one with its original, and what the rules make of it now.",
        "Returns",
        gives=shapes.UnreadWhole,
        problems=(404,),
    ),
    Route(
        "GET",
        "/v1/returns/{id}/original",
        "getReturnOriginal",
        returns.original,
        "Return the mail itself, byte for byte as it was kept.",
        "Returns",
        gives_media="message/rfc822",
        problems=(404,),
    ),
    Route(
        "POST",
        "/v1/returns/{id}/teach",
        "teachReturn",
        returns.teach,
        "Say what it means: that is written down for its delivery with all that follows, and it leaves the list.",
        "Returns",
        "admin",
        shapes.TeachIn,
        gives=shapes.Taught,
        problems=(404, 415, 422),
    ),
    Route(
        "DELETE",
        "/v1/returns/{id}",
        "dismissReturn",
        returns.dismiss,
        "Throw it away.",
        "Returns",
        "admin",
        status=204,
        problems=(404,),
    ),
)
