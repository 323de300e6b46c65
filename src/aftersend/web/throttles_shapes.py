"""The JSON of rates beside those of streams."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from aftersend.web.shapes import In, Out, page_of


class ThrottleIn(In):
    """A rate by which mail is held back."""

    scope: Annotated[
        str,
        Meta(
            description="account; domain: mail to one domain; site: mail to all domains whose servers belong to one "
            "domain; node or address: what goes out from there, which needs the scope `operate`.",
            examples=["domain"],
        ),
    ]
    rate: Annotated[str, Meta(description="So many a second, minute, hour or day, or warm-up.", examples=["600/hour"])]
    name: Annotated[
        str, Meta(description="The domain, the site, the node or the address.", examples=["example.net"])
    ] = ""
    everywhere: Annotated[
        bool,
        Meta(
            description="For every account that has none of its own, each by itself; to a site: for all accounts together, "
            "beside what they have of their own. Needs the scope `operate`."
        ),
    ] = False


class Throttle(Out):
    """A rate by which mail is held back."""

    scope: str
    name: str
    rate: str
    everywhere: Annotated[bool, Meta(description="Whether it holds for all accounts.")]
    since: str


ThrottlePage = page_of(Throttle)
