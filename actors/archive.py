"""Where call-record files go once they are taken: compressed, by day, for so many days."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path


class Archive:
    """A folder of folders named by day (UTC). Everything here blocks: run it in a thread."""

    def __init__(self, folder: Path, keep_days: int) -> None:
        self._folder = folder
        self._keep_days = keep_days
        self._pruned: date | None = None

    def put(self, path: Path, now: datetime) -> Path:
        """Compress a file into today's folder and remove it; raises `OSError`, losing nothing.

        The same name with other content gets its content's mark into the name.
        """
        day = self._folder / now.astimezone(UTC).date().isoformat()
        day.mkdir(parents=True, exist_ok=True)
        target = day / f"{path.name}.gz"
        if target.exists():
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            target = day / f"{path.name}.{digest[:12]}.gz"
        partial = day / f".{target.name}.part"
        with path.open("rb") as source, partial.open("wb") as raw:
            with gzip.GzipFile(path.name, "wb", 6, raw) as packed:
                shutil.copyfileobj(source, packed, 1 << 20)
            raw.flush()
            os.fsync(raw.fileno())
        partial.rename(target)
        path.unlink()
        return target

    def prune(self, now: datetime) -> None:
        """Remove whole days that are older than may be kept; 0 days keep for ever."""
        today = now.astimezone(UTC).date()
        if not self._keep_days or self._pruned == today or not self._folder.is_dir():
            return
        oldest = today - timedelta(days=self._keep_days)
        for folder in self._folder.iterdir():
            with suppress(ValueError):
                if date.fromisoformat(folder.name) < oldest:
                    shutil.rmtree(folder, ignore_errors=True)
        self._pruned = today
