"""Text in the cells of a spreadsheet, so that none of it is taken for a formula.

Whoever can choose a name that ends up in a list could else have the reader's spreadsheet compute
with it. An apostrophe before it makes it text; reading takes the apostrophe off again.
"""

from __future__ import annotations

import re

_FORMULA = re.compile("'*(?:[\t\r\n]|[\\s\u200b\ufeff]*[=+\\-@＝＋－＠])")


def escaped(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def unescaped(cell: str) -> str:
    """The cell that `escaped` was given."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
