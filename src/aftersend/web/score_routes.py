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
)
