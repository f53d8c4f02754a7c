"""What analysts take away: the Power BI export, a connection file, and each day's lists of who came and who left.

The star schema they query lives in `bi_views`; writing the files is `storage.artifacts`'.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import pandas as pd

from oulad_platform.core.pseudonyms import Pseudonyms
from oulad_platform.core.reports import csv_bytes, json_bytes
from oulad_platform.core.tables import STUDENT_KEY

FOLDER = "outputs/enrollment"
CHANGES_FOLDER = f"{FOLDER}/changes"
CAME, LEFT = ("added", "returned"), ("dropped", "completed")


def powerbi_export(metrics: pd.DataFrame) -> bytes:
    """ENROLLMENT_METRICS_PUBLISHED as CSV, with the calendar columns that Power BI sorts and slices by; one row per row of it.

    Added are YearMonth (2014-05), MonthName, WeekStart (Monday), DayOfWeek (Monday) and DayOfWeekNumber (1 = Monday).
    """
    day = metrics["date"].dt
    monday = metrics["date"] - pd.to_timedelta(day.day_of_week, unit="D")
    calendar = {
        "YearMonth": day.strftime("%Y-%m"),
        "MonthName": day.month_name(),
        "WeekStart": monday,
        "DayOfWeek": day.day_name(),
        "DayOfWeekNumber": day.day_of_week + 1,
    }
    return csv_bytes(metrics.assign(**calendar))


def change_lists(deltas: pd.DataFrame, days: Sequence[date], pseudonyms: Pseudonyms) -> dict[str, bytes]:
    """For each of `days` the files added_<day>.csv and dropped_<day>.csv by path: who came, who left, in which program and why.

    `deltas`: ENROLLMENT_DELTAS of any days. Students have their pseudonyms and stand in the order of these. A day without changes
    gives files with a header only.
    """
    columns = ["snapshot_date", STUDENT_KEY.name, "program", "division", "change"]
    deltas = deltas.assign(**{STUDENT_KEY.name: pseudonyms.of(deltas["student_id"])}).sort_values(columns)
    files = {}
    for day in days:
        of_day = deltas.loc[deltas["snapshot_date"] == pd.Timestamp(day), columns]
        for name, changes in (("added", CAME), ("dropped", LEFT)):
            files[f"{CHANGES_FOLDER}/{name}_{day}.csv"] = csv_bytes(of_day[of_day["change"].isin(changes)])
    return files


def powerbi_files(metrics: pd.DataFrame, server: tuple[str, str] | None) -> dict[str, bytes]:
    """The export by path; where the warehouse is a PostgreSQL `server` (host:port, database), a connection file too."""
    files = {f"{FOLDER}/enrollment_powerbi_export.csv": powerbi_export(metrics)}
    if server is not None:
        files[f"{FOLDER}/oulad_platform.pbids"] = connection_file(*server)
    return files


def connection_file(server: str, database: str) -> bytes:
    """A `.pbids` file: opens Power BI on the PostgreSQL `server` (host:port) and `database`, and asks for the password there.

    Source: Microsoft, "Create a Power BI data source (.pbids) file".
    """
    address = {"server": server, "database": database}
    details = {"protocol": "postgresql", "address": address, "authentication": None, "query": None}
    return json_bytes({"version": "0.1", "connections": [{"details": details, "options": {}, "mode": "Import"}]})
