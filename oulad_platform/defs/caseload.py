"""Whom to contact, as a table by day and as each adviser's own list, a file and a mail."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import dagster as dg
import pandas as pd

from oulad_platform.core.checks import masked
from oulad_platform.core.messages import message_key
from oulad_platform.core.reports import csv_bytes
from oulad_platform.defs import delivery
from oulad_platform.defs.catalog import OWNERS, entry
from oulad_platform.defs.experiments import ARMS, DESIGNS, LOOKS, STOPS
from oulad_platform.defs.io_managers import NEWEST_MADE
from oulad_platform.defs.models import A_WEEK, dates, later_days
from oulad_platform.defs.outreach import ADVISERS, INTERVENTIONS, OPT_OUTS
from oulad_platform.defs.partitions import SINGLE_RUN, in_pieces
from oulad_platform.defs.resources import Platform
from oulad_platform.defs.success import RISK
from oulad_platform.success.caseload.mail import caseload_mail, file_stem
from oulad_platform.success.caseload.ranking import caseload
from oulad_platform.success.experiments.analysis import held_out
from oulad_platform.success.opt_outs import still_scored

CASELOAD = entry("success", "caseload_daily")
A_MONTH = 31
FOLDER = "outputs/caseload"


def daily_assets(days: dg.PartitionsDefinition) -> list[dg.AssetsDefinition]:
    @dg.asset(
        **CASELOAD.spec(),
        partitions_def=days,
        backfill_policy=SINGLE_RUN,
        deps=[RISK.key],
        ins={
            "interventions": dg.AssetIn(INTERVENTIONS.key),
            "advisers": dg.AssetIn(ADVISERS.key),
            "experiment_looks": dg.AssetIn(LOOKS.key),
            "opt_outs": dg.AssetIn(OPT_OUTS.key),
        },
    )
    def caseload_daily(
        context: dg.AssetExecutionContext,
        platform: dg.ResourceParam[Platform],
        interventions: pd.DataFrame,
        advisers: pd.DataFrame,
        experiment_looks: pd.DataFrame,
        opt_outs: pd.DataFrame,
    ) -> Any:
        """A stream of a month at a time; what changed in a week is said, so the stored days a week later are made again."""
        own, rules = dates(context), platform.settings.caseload
        designs, arms, stops = (platform.database.read(table) for table in (DESIGNS, ARMS, STOPS))

        def made(days: Sequence[date]) -> tuple[Sequence[date], pd.DataFrame]:
            risk = still_scored(platform.database.read_days(RISK.table, days), opt_outs)
            by_day = dict(iter(risk.groupby(risk["run_date"].dt.date)))
            lists = [CASELOAD.table.empty()]
            for day, scored in by_day.items():
                controls = held_out(designs, arms, stops, experiment_looks, day)
                lists.append(caseload(scored, advisers, interventions, controls, day, rules))
            return days, CASELOAD.table.conform(pd.concat(lists, ignore_index=True))

        return map(made, in_pieces(sorted([*own, *later_days(platform, CASELOAD, own, (A_WEEK,))]), A_MONTH))

    return [caseload_daily]


@dg.asset(
    key=["success", "caseload_lists"],
    group_name="success_actions",
    owners=[OWNERS["success"]],
    kinds={"csv"},
    tags={"line": "success", "pii": "true"},
    description="One entry per adviser: the newest day's list as a file, and as a mail to those with an address.",
    ins={"caseload": dg.AssetIn(CASELOAD.key, metadata=NEWEST_MADE), "advisers": dg.AssetIn(ADVISERS.key)},
)
def caseload_lists(
    platform: dg.ResourceParam[Platform], caseload: pd.DataFrame, advisers: pd.DataFrame
) -> dg.MaterializeResult[None]:
    """Each adviser gets their own students and nobody else's, or hears that there are none; lists of the past are not mailed.

    On a day on which nobody is scored, as between terms, nobody is mailed.
    """
    settings = platform.settings
    addresses = advisers.drop_duplicates("adviser").set_index("adviser")["email"].dropna()
    day = max(platform.stored_days(CASELOAD), default=None)
    if day is None:
        return dg.MaterializeResult(metadata={"dagster/row_count": 0})
    is_mailed = day == platform.today() and day == platform.newest_stored_day(RISK)
    kept, n_mailed, not_mailed = [], 0, []
    for name in sorted({*advisers["adviser"], *caseload["adviser"]}):
        mail = caseload_mail(name, caseload, day, settings.house)
        content = next(iter(mail.attachments.values()), csv_bytes(CASELOAD.table.empty()))
        kept.append(platform.artifacts.put(f"{FOLDER}/{file_stem(name)}.csv", content))
        if is_mailed and name in addresses:
            key = message_key("caseload", day, [addresses[name]], f"{platform.source()} {name}")
            parts: dict[str, Any] = {"html": mail.html, "attachments": mail.attachments}
            try:
                n_mailed += delivery.post(platform, key, mail.subject, mail.text, [addresses[name]], **parts)
            except ValueError:  # its message holds the address
                not_mailed.append(masked(name))
    _remove_others(platform, [one.path for one in kept])
    if not_mailed:
        raise dg.Failure(
            f"The e-mail of {', '.join(not_mailed)} in the table advisers is no address; correct it. All else is done."
        )
    return dg.MaterializeResult(metadata={"dagster/row_count": len(kept), "mailed": n_mailed})


def _remove_others(platform: Platform, kept: Sequence[str]) -> None:
    """Lists of who is no adviser any more."""
    for name in platform.artifacts.names(FOLDER, ".csv"):
        if f"{FOLDER}/{name}.csv" not in kept:
            platform.artifacts.remove(f"{FOLDER}/{name}.csv")
