"""The negative control: an intake that breaks the rules that make it safe to kill.

Rows are not recognised by `pkid`, and how far a file was read is noted in a transaction of its
own. If the tests that kill the importer passed with this too, they would prove nothing.
"""

from __future__ import annotations

import uuid
from typing import Any

from actors import ingest
from storage import calls, files, intake


def forget_what_was_stored() -> None:
    """Make this process's intake careless."""

    async def unseen(_connection: Any, _table: str, rows: Any) -> Any:
        return [row._replace(pkid=str(uuid.uuid4())) for row in rows]

    calls._unseen = unseen  # type: ignore[assignment]

    async def store(self: Any, file_id: int, batch: Any) -> Any:
        loaded = await self._database.unit_of_work(ingest.rater.load)
        stored = await self._database.unit_of_work(
            calls.store, batch.legs, batch.cmr, loaded.rater.settle, loaded.rater.links
        )
        rejected = await self._database.unit_of_work(
            files.advance,
            file_id,
            batch.lines_done,
            batch.rows,
            stored.legs + stored.cmr,
            batch.rejects,
            done=batch.last,
        )
        return intake.TakenBatch(stored, rejected)

    ingest.Intake._store = store  # type: ignore[method-assign]
