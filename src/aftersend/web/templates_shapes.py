"""Own the JSON of templates."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, field

from aftersend.web.shapes import In, Out, page_of


class TemplateIn(In):
    """A template to be saved."""

    source: Annotated[
        str, Meta(description="HTML, MJML or text, with merge tags.", examples=["<p>Dear {{ name }}</p>"])
    ]
    subject: Annotated[str, Meta(description="The subject, with merge tags.", max_length=2000)] = ""
    kind: Annotated[Literal["html", "mjml", "text"], Meta(description="What the source is.")] = "html"
    text: Annotated[str | None, Meta(description="The plain text; without it, it is made of the HTML.")] = None


class PreviewIn(In):
    """For whom a template is looked at."""

    data: Annotated[dict[str, Any], Meta(description="The values of the merge tags.")] = field(default_factory=dict)


class PreviewOut(Out):
    """What somebody with this data would get."""

    subject: str
    html: str | None
    text: str | None


class Template(Out):
    """A saved template, and what was made of it."""

    name: str
    version: int
    kind: str
    subject: str
    source: str
    html: Annotated[str | None, Meta(description="What is mailed: styles stand in the elements.")]
    text: str | None
    tags: Annotated[list[str], Meta(description="The names that it takes from the data.")]
    who: Annotated[str, Meta(description="Who saved it.")]
    created_at: str


TemplatePage = page_of(Template)
