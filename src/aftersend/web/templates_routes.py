"""What can be asked about templates over HTTP."""

from __future__ import annotations

from aftersend.web import templates
from aftersend.web import templates_shapes as shapes
from aftersend.web.calls import Route

_PLACE = "/v1/templates/{name}"

TEMPLATES = (
    Route(
        "GET",
        "/v1/templates",
        "listTemplates",
        templates.every,
        "List the templates, each in its latest version.",
        "Templates",
        gives=shapes.TemplatePage,
    ),
    Route(
        "GET",
        _PLACE,
        "getTemplate",
        templates.one,
        "Return a template.",
        "Templates",
        gives=shapes.Template,
        parameters=(templates.VERSION,),
        problems=(404, 422),
    ),
    Route(
        "PUT",
        _PLACE,
        "saveTemplate",
        templates.save,
        "Save a template as its next version; styles are put into the elements, a plain text is made.",
        "Templates",
        "admin",
        shapes.TemplateIn,
        gives=shapes.Template,
        problems=(413, 415, 422),
    ),
    Route(
        "POST",
        f"{_PLACE}/preview",
        "previewTemplate",
        templates.preview,
        "Show what somebody with this data would get; nothing is sent.",
        "Templates",
        "read",
        shapes.PreviewIn,
        gives=shapes.PreviewOut,
        parameters=(templates.VERSION,),
        problems=(404, 415, 422),
    ),
    Route(
        "DELETE",
        _PLACE,
        "deleteTemplate",
        templates.remove,
        "Take a template away with all its versions.",
        "Templates",
        "admin",
        status=204,
        problems=(404,),
    ),
)
