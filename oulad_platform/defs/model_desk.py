"""`oulad models`, `oulad promote`, `oulad rollback`: what persons see of the registry, and what they decide."""

from __future__ import annotations

from datetime import UTC, date, datetime

from rich.console import Console
from rich.table import Table

from oulad_platform.defs.cards import FOLDER
from oulad_platform.defs.jobs import REGISTER
from oulad_platform.defs.local_run import materialize
from oulad_platform.defs.resources import Platform
from oulad_platform.success.model_tables import MODEL_CHAMPIONS, MODEL_DECISIONS, MODEL_REGISTRY
from oulad_platform.success.registry import decisions
from oulad_platform.success.registry.champions import check_known

TOLD_BY_VERSION = ["Learner", "Learnt from", "Module gap", "Decided by", "Why"]


def show(platform: Platform) -> None:
    """Prints a row for each version, and who is in charge today."""
    read = platform.database.read
    listed = decisions.models_listed(read(MODEL_REGISTRY)).drop(columns=TOLD_BY_VERSION)
    table = Table(*listed.columns, title="Risk models")
    for column in table.columns[:2]:
        column.no_wrap = True
    for row in listed.itertuples(index=False):
        table.add_row(*map(str, row))
    console = Console()
    console.print(table)
    console.print(decisions.in_charge(read(MODEL_CHAMPIONS), platform.today()), markup=False, soft_wrap=True)


def explain(platform: Platform, version: str) -> None:
    """Prints why a version is in charge, or not. Raises DecisionError when there is none of that name."""
    registry = platform.database.read(MODEL_REGISTRY)
    check_known(version, list(registry["model_version"]))
    reason = registry.loc[registry["model_version"] == version, "reason"].iloc[0]
    Console().print(f"{reason}\nIts card: {platform.settings.artifacts}/{FOLDER}/{version}.html", markup=False, soft_wrap=True)


def decide(platform: Platform, decision: str, version: str, by: str, reason: str, first: date) -> bool:
    """Records the decision, makes the registry again and shows it. True if that worked."""
    database, today = platform.database, platform.today()
    taken = database.read(MODEL_DECISIONS)
    new = decisions.decide(
        database.read(MODEL_REGISTRY), taken, decision, version, first, by, reason, at=datetime.now(UTC), today=today
    )
    database.append({MODEL_DECISIONS: new})
    Console().print("The decision is recorded; the registry is made again.")
    made = materialize(platform, today, today, REGISTER)
    show(platform)
    if first <= today:
        Console().print(f"Scores made on {today} before this are made again by: oulad run --days 1", markup=False)
    return made
