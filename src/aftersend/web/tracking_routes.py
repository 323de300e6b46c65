"""What can be asked about opens and clicks over HTTP."""

from __future__ import annotations

from aftersend.web import lists, tracking
from aftersend.web import tracking_shapes as shapes
from aftersend.web.calls import Route

TRACKING = (
    Route(
        "GET",
        "/v1/reports/reading",
        "reportReading",
        tracking.report,
        "Say how mail was read: opened and followed by people, proxies, machines or nobody knows whom, and what share that is.",
        "Reports",
        gives=shapes.ReadingReport,
        parameters=tracking.SCOPE,
        problems=(404, 422),
    ),
    Route(
        "GET",
        "/v1/reports/reading/{by}",
        "reportReadingBy",
        tracking.grouped,
        "Say it for each stream, domain, message or hour of the day, the most read first.",
        "Reports",
        gives=shapes.ReadingGroups,
        parameters=tracking.SCOPE,
        problems=(404, 422),
    ),
    Route(
        "GET",
        "/v1/messages/{id}/links",
        "listLinks",
        tracking.links_of,
        "List the tracked links of a message, with how many recipients followed each.",
        "Tracking",
        gives=shapes.LinkPage,
        problems=(404,),
    ),
    Route(
        "GET",
        "/v1/deliveries/{id}/hits",
        "listHits",
        tracking.hits_of,
        "List every visit to a delivery, who made it, and why we think so.",
        "Tracking",
        gives=shapes.HitPage,
        problems=(404,),
    ),
    Route(
        "GET",
        "/v1/tracking",
        "listTracking",
        tracking.modes,
        "List what was chosen of tracking: for the account, for streams, for recipients.",
        "Tracking",
        gives=shapes.ModePage,
        parameters=lists.FORWARD,
        problems=(422,),
    ),
    Route(
        "POST",
        "/v1/tracking",
        "chooseTracking",
        tracking.choose,
        "Choose how much is tracked of the account, a stream or a recipient; null takes a choice back.",
        "Tracking",
        "admin",
        shapes.ModeIn,
        gives=shapes.ModeOut,
        problems=(404, 415, 422),
    ),
)
