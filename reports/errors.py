"""What can keep a report from becoming a file; each says what to do, in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping

from telephony.errors import RingfenceError
from words.language import N_, Language

TOO_LONG = N_(
    "A PDF holds at most %(most)s rows, and this report has %(rows)s. Take Excel or CSV, which "
    "hold all of them, or narrow the report."
)
TOOK_TOO_LONG = N_(
    "Writing this file took longer than %(seconds)s seconds and was stopped. Narrow the report, or "
    "take CSV."
)
TOO_LARGE = N_(
    "Writing this file needs more memory than it may have. Narrow the report, or take CSV."
)
NO_LIBRARIES = N_(
    "PDF needs libraries that this machine lacks. An administrator installs them on Debian with: "
    "apt-get install %(packages)s"
)
FAILED = N_("This file could not be written. The log says why.")


class ExportError(RingfenceError):
    """A report did not become a file. `message` is of the catalogues, `values` fill it in."""

    def __init__(self, message: str, values: Mapping[str, str | int] | None = None) -> None:
        self.message, self.values = message, dict(values or {})
        super().__init__(message % self.values if self.values else message)

    def said(self, language: Language) -> str:
        """The error in a reader's language."""
        return language.text(self.message, **self.values)


class TooLong(ExportError):
    """More rows than the format takes: choose another, or ask for less. Trying again is no use."""

    def __init__(self, rows: int, most: int) -> None:
        super().__init__(TOO_LONG, {"rows": rows, "most": most})


class TookTooLong(ExportError):
    """The time was up and the work was stopped."""

    def __init__(self, seconds: int) -> None:
        super().__init__(TOOK_TOO_LONG, {"seconds": seconds})


class TooLarge(ExportError):
    """The memory was used up."""

    def __init__(self) -> None:
        super().__init__(TOO_LARGE)


class NoLibraries(ExportError):
    """What draws PDF is not installed on this machine."""

    def __init__(self, packages: str) -> None:
        super().__init__(NO_LIBRARIES, {"packages": packages})


class ExportFailed(ExportError):
    """Anything else; `reason` is for the log."""

    def __init__(self, reason: str) -> None:
        super().__init__(FAILED)
        self.reason = reason
