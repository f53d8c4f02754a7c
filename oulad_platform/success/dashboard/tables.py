"""The two small tables of counts that only the page for leadership needs. They are made for it and not kept."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta

import pandas as pd

from oulad_platform.core.tables import Column, Table
from oulad_platform.success.tables import MODULE, PRESENTATION, RUN_DATE

CONTACT_DAYS = 28
REACH = Table(
    "reach",
    "One row per module and presentation scored on its day: how many at high risk were contacted, and how many are on a list.",
    (
        RUN_DATE,
        MODULE,
        PRESENTATION,
        Column("n_high_risk", "int32", "Enrolments flagged high risk.", "enrolments", minimum=0),
        Column("n_reached", "int32", f"Of these, reached in the {CONTACT_DAYS} days up to the day.", "enrolments", minimum=0),
        Column("n_attempted", "int32", "Of these, contacted in these days without being reached.", "enrolments", minimum=0),
        Column("n_listed", "int32", "Enrolments on the day's caseload; absent: no list was made.", "enrolments", True, minimum=0),
    ),
    key=("code_module", "code_presentation"),
    allow_empty=True,
)
FRESHNESS = Table(
    "freshness",
    "One row per table: its newest day.",
    (
        Column("table_name", "text", "The table."),
        Column("newest", "date", "Its newest day; absent: it holds no day yet.", nullable=True),
    ),
    key=("table_name",),
    allow_empty=True,
)
COURSE = ["code_module", "code_presentation"]


def reach(risk: pd.DataFrame, caseload: pd.DataFrame, contacts: pd.DataFrame, *, listed_days: Collection[date]) -> pd.DataFrame:
    """REACH of the newest day in `risk`; empty where nobody was scored.

    `risk`: STUDENT_RISK_DAILY. `caseload`: CASELOAD_DAILY and `listed_days` the days for which it was made, since a day without
    anybody on it is no unknown day. `contacts`: INTERVENTIONS; a contact counts for all enrolments of the student.
    """
    if risk.empty:
        return REACH.empty()
    newest = risk["run_date"].max()
    rows = risk.loc[risk["run_date"] == newest, ["id_student", *COURSE, "high_risk_flag"]].reset_index(drop=True)
    recent = contacts[contacts["contacted_on"].between(newest - timedelta(days=CONTACT_DAYS), newest)]
    reached = rows["id_student"].isin(recent.loc[recent["outcome"] == "reached", "id_student"])
    tried = rows["id_student"].isin(recent["id_student"])
    on_list = pd.MultiIndex.from_frame(caseload.loc[caseload["caseload_date"] == newest, ["id_student", *COURSE]])
    flags = {
        "n_high_risk": rows["high_risk_flag"],
        "n_reached": rows["high_risk_flag"] & reached,
        "n_attempted": rows["high_risk_flag"] & tried & ~reached,
        "n_listed": pd.MultiIndex.from_frame(rows[["id_student", *COURSE]]).isin(on_list),
    }
    counted = rows[COURSE].assign(**flags).groupby(COURSE, as_index=False, sort=True).sum().assign(run_date=newest)
    if newest.date() not in set(listed_days):
        counted["n_listed"] = pd.array([pd.NA] * len(counted), dtype="Int32")
    return REACH.conform(counted)
