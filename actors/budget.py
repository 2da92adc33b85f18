"""The actor of one budget account: looks at how it stands and makes what follows from it so."""

from __future__ import annotations

import trio

from actors.messages import LookAgain
from storage import budgets
from storage.database import Database
from telephony.clock import Clock

PAUSE_S = 0.1
"""After a look, hints gather this long, so that a file of many calls is looked at a few times."""


class BudgetActor:
    """Serves one account. Everything it decides is stored in the transaction that decides it."""

    def __init__(self, account_id: int, database: Database, clock: Clock) -> None:
        self._account_id = account_id
        self._database = database
        self._clock = clock

    async def handle(self, message: object) -> None:
        """On `LookAgain`: end what is over, correct what changed late, evaluate what is open.

        Each step is whole or not at all; a step that fails is found again by the reconciler.
        """
        if not isinstance(message, LookAgain):
            await trio.lowlevel.checkpoint()
            return
        account_id, now = self._account_id, self._clock()
        work = await self._database.unit_of_work(budgets.work_of, account_id, now)
        if work.correct:
            await self._database.unit_of_work(budgets.correct_carry, account_id, now)
        if work.roll_over:
            await self._database.unit_of_work(budgets.roll_over, account_id, now)
        else:
            await self._database.unit_of_work(budgets.evaluate, account_id, now)
        await trio.sleep(PAUSE_S)
