"""Own the page of credits: what is left, what mail cost day by day, and who put credits in."""

from __future__ import annotations

from aftersend.errors import AftersendError, BadField, NotAllowed
from aftersend.web import credits as api
from aftersend.web.calls import Answer
from aftersend.web.console.rendering import said_of
from aftersend.web.console.visits import ROOT, Visit

PERIODS = ("day", "week", "month", "year")
_ENTRIES = 50


async def show(visit: Visit) -> Answer:
    """Show the purse."""
    return await _shown(visit)


async def _shown(visit: Visit, wrong: str = "") -> Answer:
    standing = (await api.show(visit.to_api())).content
    days = (await api.list_days(visit.to_api())).content["data"]
    entries = (await api.list_entries(visit.to_api(query=[("limit", str(_ENTRIES))]))).content["data"]
    return visit.show(
        "credits.html", 422 if wrong else 200, standing=standing, days=days, entries=entries, wrong=wrong,
        periods=PERIODS, may_give=_may_give(visit), most=max((day["charged"] for day in days), default=0) or 1,
    )  # fmt: skip


def _may_give(visit: Visit) -> bool:
    """Nobody gives himself credits but those who run the installation."""
    return visit.is_operator and visit.may("admin")


async def change(visit: Visit) -> Answer:
    """Put credits in, set or end a plan, or stop counting."""
    if not _may_give(visit):
        raise NotAllowed("Only those who run this installation put credits in.")
    form, verb = visit.form(), visit.path["verb"]
    try:
        said = await _do(visit, verb, form)
    except AftersendError as error:
        return await _shown(visit, said_of(error))
    return visit.go(f"{ROOT}/credits", said)


async def _do(visit: Visit, verb: str, form: dict[str, str]) -> str:
    if verb == "top-up":
        amount = _whole(form.get("amount", ""), "amount")
        await api.top_up(visit.to_api({"amount": amount, "why": form.get("why", "").strip()}))
        return f"{amount:+,} credits. What waited for them goes on."
    if verb == "plan":
        amount = _whole(form.get("amount", ""), "amount")
        await api.set_plan(
            visit.to_api({"amount": amount, "period": form.get("period", ""), "mode": form.get("mode", "fill")})
        )
        return "The plan is set, and the purse is filled."
    if verb == "end-plan":
        await api.end_plan(visit.to_api())
        return "The plan is ended; what is there stays."
    await api.stop(visit.to_api())
    return "Mail of this account costs nothing any more."


def _whole(text: str, name: str) -> int:
    try:
        return int(text.replace(",", "").replace("\u202f", "").strip())
    except ValueError:
        raise BadField(f"#/{name}", "Write a whole number.") from None
