"""What the company calls the ten free fields that everybody has."""

from __future__ import annotations

from quart import Response, request

from storage import people_admin
from web.context import fields, go, house, page, say
from web.person import author
from web.person_fields import CUSTOM, MOST_LETTERS
from web.portal import administrator_pages

people_field_pages = administrator_pages("people_fields")

PATH = "/admin/people/fields"


async def _page(labels: tuple[str, ...], errors: dict[str, str], status: int = 200) -> Response:
    return await page(
        "portal/admin/people_fields.html",
        status=status,
        labels=dict(zip(CUSTOM, labels, strict=True)),
        errors=errors,
        saved="saved" in request.args,
    )


@people_field_pages.get(PATH)
async def free_fields() -> Response:
    """The names as they are."""
    return await _page(await house().database.unit_of_work(people_admin.custom_labels), {})


@people_field_pages.post(PATH)
async def name_fields() -> Response:
    """Name them; an empty name puts a field out of use and keeps what people have in it."""
    sent = await fields()
    labels = tuple(sent.get(name, "").strip() for name in CUSTOM)
    errors = {
        name: problem
        for number, name in enumerate(CUSTOM)
        if (problem := _problem(labels[number], labels[:number]))
    }
    if errors:
        return await _page(labels, errors, 422)
    await house().database.unit_of_work(
        people_admin.set_custom_labels, author(), labels, house().clock()
    )
    return go(f"{PATH}?saved=1")


def _problem(label: str, before: tuple[str, ...]) -> str:
    if len(label) > MOST_LETTERS:
        return say("It may have %(most)s letters at most.", most=MOST_LETTERS)
    if label and label.lower() in {other.lower() for other in before}:
        return say("Another field has this name.")
    return ""
