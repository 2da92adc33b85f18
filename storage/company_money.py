"""The money part of a site file: its price lists and its budgets, compared before written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from storage.budget_types import BudgetSpec
from storage.budgets import set_budget, sync_members
from storage.database import Connection
from storage.tariffs import import_version
from storage.wanted import Change, Wanted, WantedTariff
from telephony.clock import iso_z


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """`field old -> new` of every field of `after` that differs, empty where none does."""
    return ", ".join(
        f"{name} {shown(before[name])} -> {shown(value)}"
        for name, value in after.items()
        if before[name] != value
    )


def shown(value: object) -> str:
    """A stored value as a change names it."""
    if value is None or value == "":
        return "(none)"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(str(item) for item in value) + "]"  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    return str(value)


async def apply_tariffs(
    connection: Connection, wanted: Sequence[WantedTariff], now: datetime
) -> list[Change]:
    """Import the versions that are not stored yet, each known by name, instant and SHA-256."""
    if not wanted:
        return []
    currency = await connection.fetchval("select currency from company")
    changes: list[Change] = []
    for tariff in wanted:
        imported = await import_version(
            connection,
            tariff.name,
            currency,
            tariff.valid_from,
            tariff.rates,
            tariff.sha256,
            now=now,
        )
        if imported.changed:
            details = f"{imported.rates} rates valid from {iso_z(imported.valid_from)}"
            changes.append(Change("+", "tariff", tariff.name, details))
    return changes


async def apply_budgets(connection: Connection, wanted: Wanted, now: datetime) -> list[Change]:
    """Make each budget of the file what it says and give its members their accounts."""
    changes = [await _set(connection, spec, now) for spec in wanted.budgets]
    if wanted.people:
        await sync_members(connection, now)
    return [change for change in changes if change is not None]


async def _set(connection: Connection, spec: BudgetSpec, now: datetime) -> Change | None:
    done = await set_budget(connection, spec, now)
    name = f"{spec.period} of {spec.target_key}" + (" (each)" if spec.each else "")
    if done.created:
        return Change("+", "budget", name, f"amount {spec.amount}")
    terms = (f"{c.name} {shown(c.before)} -> {shown(c.after)}" for c in done.changes)
    return Change("~", "budget", name, ", ".join(terms)) if done else None
