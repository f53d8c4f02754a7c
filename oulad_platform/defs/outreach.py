"""Who may contact students, and who was contacted: read from dropped CSV files, told by the demo campus, or kept as a table."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import dagster as dg
import pandas as pd

from oulad_platform.core.checks import SHOWN, ContractError
from oulad_platform.defs.catalog import Entry, entry
from oulad_platform.defs.resources import Platform
from oulad_platform.defs.sources import SMALL
from oulad_platform.storage.errors import StorageError

INTERVENTIONS = entry("sources", "interventions")
ADVISERS = entry("sources", "advisers")
EVERY_FILE_WAS_READ = "every_file_was_read"
CLAIMED = [SMALL["courses"]]  # in one run the campus claims the tables first, not three steps at once


def _check(of: Entry) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(
        EVERY_FILE_WAS_READ, asset=of.key, description="The files hold nothing wrong; where they do, the table stays as it was."
    )


@dg.asset(**INTERVENTIONS.spec(), deps=CLAIMED, check_specs=[_check(INTERVENTIONS)])
def interventions(platform: dg.ResourceParam[Platform]) -> Iterator[Any]:
    """The files are the record: the table is replaced by what they hold now; without files the table itself is."""
    yield from _record(platform, INTERVENTIONS, platform.interventions)


@dg.asset(**ADVISERS.spec(), deps=CLAIMED, check_specs=[_check(ADVISERS)])
def advisers(platform: dg.ResourceParam[Platform]) -> Iterator[Any]:
    yield from _record(platform, ADVISERS, platform.advisers)


def _record(platform: Platform, of: Entry, read: Callable[[], pd.DataFrame | None]) -> Iterator[Any]:
    """Files that cannot be read, or without any, leave the table untouched: others may be writing there."""
    platform.claim()
    findings: list[str] = []
    record = None
    try:
        record = read()
    except ContractError as error:
        # A value may be an id that slipped into another column.
        findings = [str(replace(finding, value=None)) for finding in error.findings]
    except StorageError as error:
        findings = [str(error)]
    if record is None:
        yield dg.MaterializeResult(metadata={"dagster/row_count": platform.database.count(of.table)})
    else:
        yield dg.Output(record)
    yield dg.AssetCheckResult(
        passed=not findings,
        check_name=EVERY_FILE_WAS_READ,
        metadata={"findings": "\n".join(findings[:SHOWN]) or "none", "number_of_findings": len(findings)},
    )


ASSETS = [interventions, advisers]
