"""What can be asked about quality over HTTP."""

from __future__ import annotations

from aftersend.web import quality, quality_shapes, score, score_shapes, shapes
from aftersend.web.calls import Route
from aftersend.web.messages import MIME

SCORE = (
    Route(
        "POST",
        "/v1/score",
        "scoreMessage",
        score.score,
        "Score a message before it is sent, and say what to mend; nothing is sent. JSON as for sending, or a whole message.",
        "Quality",
        "send",
        shapes.MessageIn,
        (MIME,),
        score_shapes.ScoreOut,
        parameters=score.PARAMETERS,
        problems=(413, 415, 422, 503),
    ),
    Route(
        "POST",
        "/v1/score/recipients",
        "scoreRecipients",
        score.recipients,
        "Forecast how many of some addresses, or of a list, will bounce, and say which; nothing is sent.",
        "Quality",
        "send",
        score_shapes.RecipientsIn,
        gives=score_shapes.ForecastOut,
        problems=(404, 413, 415, 422),
    ),
    Route(
        "POST",
        "/v1/lists/{name}/clean",
        "cleanList",
        score.clean_list,
        "Take those off a list to whom mail would bounce; they stay contacts.",
        "Quality",
        "admin",
        gives=score_shapes.ListCleaned,
        problems=(404,),
    ),
    Route(
        "POST",
        "/v1/broadcasts/{id}/score",
        "foreseeBroadcast",
        quality.foresee,
        "Score a broadcast before it is started: its message, as its first recipient gets it, and its audience. Kept.",
        "Quality",
        "send",
        gives=quality_shapes.BroadcastForecastOut,
        problems=(404, 409, 422, 503),
    ),
    Route(
        "GET",
        "/v1/broadcasts/{id}/score",
        "getBroadcastScore",
        quality.of_broadcast,
        "Return what was forecast of a broadcast beside what became of it.",
        "Quality",
        gives=quality_shapes.BroadcastScoreOut,
        problems=(404,),
    ),
    Route(
        "GET",
        "/v1/domains/{name}/score",
        "getDomainScore",
        quality.of_domain,
        "Return the score of a sending domain over thirty days, by day, and what moved it.",
        "Quality",
        gives=quality_shapes.DomainScoreOut,
        problems=(404, 422),
    ),
    Route(
        "GET",
        "/v1/score/calibration",
        "getCalibration",
        quality.calibration,
        "Return how well forecasts were met, and what was learned from it.",
        "Quality",
        gives=quality_shapes.CalibrationOut,
    ),
)
