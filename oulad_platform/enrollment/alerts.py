"""Which alerts unusual figures raise. What is unusual is `enrollment.anomalies`', what becomes of an alert `core.alerts`'."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import numpy as np
import pandas as pd

from oulad_platform.core.alerts import SEVERITIES, alert_rows, alert_table

ENROLLMENT_ALERTS = alert_table(
    "enrollment_alerts", "One row per scope and day with an unusual enrolment figure. No row when none is."
)
TOTAL, ANOMALY = "total", "anomaly"


def anomaly_alerts(anomalies: pd.DataFrame, days: Iterable[date]) -> pd.DataFrame:
    """ENROLLMENT_ALERTS of `days` from their ENROLLMENT_ANOMALIES rows: one for each scope and name with an anomaly.

    Of several unusual measures of one scope the alert is about the farthest from what was expected (`score`), and says how many
    more there are. The total is critical, the rest a warning. Observed is the figure; the limit is the end of the expected
    range that it is beyond, absent where it lies inside (nothing has changed for too long).
    """
    unusual = anomalies[anomalies["is_anomaly"].astype("bool") & anomalies["date"].isin(pd.DatetimeIndex(list(days)))]
    unusual = unusual.assign(distance=unusual["score"].abs()).sort_values(
        ["date", "scope", "name", "distance", "measure"], ascending=[True, True, True, False, True]
    )
    by_scope = unusual.groupby(["date", "scope", "name"], sort=False)
    worst = unusual.assign(n_more=by_scope["measure"].transform("size") - 1).drop_duplicates(["date", "scope", "name"])
    is_total = worst["scope"] == TOTAL
    scopes = pd.Series(TOTAL, worst.index, dtype="str").where(is_total, worst["scope"] + " " + worst["name"])
    beyond = worst["upper"].where(worst["observed"] > worst["upper"], worst["lower"].where(worst["observed"] < worst["lower"]))
    more = (
        worst["n_more"].map(lambda n: f" {n} more of its figures {'is' if n == 1 else 'are'} unusual." if n else "").astype("str")
    )
    names = scopes.str[:1].str.upper() + scopes.str[1:] + ", " + worst["measure"].str.replace("_", " ", regex=False)
    rows = {
        "alert_date": worst["date"],
        "scope": scopes,
        "severity": pd.Series(np.where(is_total, SEVERITIES[1], SEVERITIES[0]), worst.index, dtype="str"),
        "observed_value": worst["observed"],
        "limit_value": beyond,
        "n_students": pd.Series(pd.NA, worst.index, dtype="Int32"),
        "message": names + " on " + worst["date"].dt.strftime("%Y-%m-%d") + ": " + worst["reason"] + "." + more,
    }
    return alert_rows(ENROLLMENT_ALERTS, ANOMALY, pd.DataFrame(rows))
