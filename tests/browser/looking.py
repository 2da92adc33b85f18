"""Where things are on a page that may change under one's eyes."""

from __future__ import annotations

from playwright.sync_api import Page

_LEFT_EDGES = """selectors => selectors.map(
    one => document.querySelector(one)?.getBoundingClientRect().left ?? null)"""


def left_edges(page: Page, *selectors: str) -> list[float]:
    """The left edge of the first element of each selector, in pixels, all at one moment.

    What is live on a page is replaced as a whole: two calls to the browser may see two pages.
    """
    edges: list[float | None] = page.evaluate(_LEFT_EDGES, list(selectors))
    missing = [one for one, edge in zip(selectors, edges, strict=True) if edge is None]
    assert missing == [], "not on the page"
    return [edge for edge in edges if edge is not None]
