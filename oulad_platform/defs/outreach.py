"""Who may contact students, who was contacted, who is not to be scored: from dropped CSV files, the demo, or a kept table."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import dagster as dg
import pandas as pd

from oulad_platform.core.checks import SHOWN, ContractError
from oulad_platform.core.tables import student_column
from oulad_platform.defs.catalog import Entry, entry
from oulad_platform.defs.resources import DEMO, Platform
from oulad_platform.defs.sources import SMALL
from oulad_platform.settings import absolute
from oulad_platform.sources import demo_outreach
from oulad_platform.sources.demo import DemoCampus
from oulad_platform.sources.outreach import read_opt_outs
from oulad_platform.storage.errors import StorageError

INTERVENTIONS = entry("sources", "interventions")
ADVISERS = entry("sources", "advisers")
OPT_OUTS = entry("sources", "opt_outs")
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


@dg.asset(**OPT_OUTS.spec(), deps=CLAIMED)
def opt_outs(platform: dg.ResourceParam[Platform]) -> Iterator[Any]:
    """A list that cannot be read fails the step, so that nobody is scored who does not want to be; the table stays as it was."""
    platform.claim()
    try:
        record = _opt_outs(platform)
    except ContractError as error:
        findings = [str(replace(finding, value=None)) for finding in error.findings[:SHOWN]]
        raise dg.Failure("\n".join([*findings, "Repair the list of opt-outs and run again; nobody is scored before."])) from None
    if record is None:
        yield dg.MaterializeResult(metadata={"dagster/row_count": platform.database.count(OPT_OUTS.table)})
    else:
        yield dg.Output(platform.without_erased(record, OPT_OUTS.table))


def _opt_outs(platform: Platform) -> pd.DataFrame | None:
    """Who is not to be scored, as the files say now, or the demo campus; None: the stored table is the record."""
    settings = platform.settings
    if settings.opt_outs:
        return read_opt_outs(absolute(settings.opt_outs), settings.aws_region)
    campus = platform.campus() if platform.source() == DEMO else None
    return demo_outreach.opt_outs(campus.contacts()) if isinstance(campus, DemoCampus) else None


def _record(platform: Platform, of: Entry, read: Callable[[], pd.DataFrame | None]) -> Iterator[Any]:
    """Files that cannot be read, or without any, leave the table untouched: others may be writing there."""
    platform.claim()
    findings: list[str] = []
    record = None
    try:
        record = read()
        if record is not None and student_column(of.table):
            record = platform.without_erased(record, of.table)
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


ASSETS = [interventions, advisers, opt_outs]
