"""What can be asked about quality over HTTP."""

from __future__ import annotations

from aftersend.web import score, score_shapes, shapes
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
)
