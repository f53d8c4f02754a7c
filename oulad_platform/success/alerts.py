"""Which alerts a day's course summary and drift raise. What becomes of an alert (episodes, delivery, wording) is `core.alerts`'.

Features compare a student with their cohort, so scores are half blind to what happens to everybody at once: a whole module
that falls silent raises its mean risk by 5 %, under the usual spike limit of 10 %. The threshold rests on the same scores, and
fires only where the share was near its limit before. Drift looks at the features themselves: clicks lost for two weeks move
more than a third of those that matter (`oversight.drift`), in a module with a reference of its own. So threshold and drift
suffice for a silence of two weeks in a module the model knows. A shorter one, or one in a module new to the model, may raise
nothing here; a feed that has stopped is for the freshness alert.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import numpy as np
import pandas as pd

from oulad_platform.core.alerts import ALL, SEVERITIES, alert_rows
from oulad_platform.core.privacy import BASE, Disclosure, rounded, share_of
from oulad_platform.core.reports import date_text
from oulad_platform.success.tables import RISK_ALERTS

MIN_STUDENTS = 20
EXACTNESS = 1e-9
THRESHOLD, SPIKE, DRIFT = "threshold", "spike", "drift"
FEW, ROUNDED = "few", "rounded"
DEFAULT_RULE = Disclosure()
SENTENCES = {
    THRESHOLD: (
        "{who}: {n_high_risk:,} of {n_students:,} enrolments ({observed_value:.1%}) are at high risk on {day}, "
        "above the limit of {limit_value:.1%}."
    ),
    FEW: (
        "{who}: more than the limit of {limit_value:.1%} of the enrolments are at high risk on {day}; "
        "no figures, since they would tell of fewer than {below} persons."
    ),
    ROUNDED: (
        "{who}: more than the limit of {limit_value:.1%} of the enrolments are at high risk on {day}; "
        "rounded to {base}, {n_high_risk:,} of {n_students:,}."
    ),
    SPIKE: (
        "{who}: the mean risk of the same {n_students:,} enrolments rose in a week from {before:.1f} % to {now:.1f} % on {day}, "
        "{points:+.1f} points ({rise:.1f} %), above the limit of {limit:.1f} %."
    ),
    DRIFT: "Drift on {day}: {reason}",
}


def risk_alerts(
    course_summary: pd.DataFrame,
    days: Iterable[date],
    *,
    share_limit: float,
    spike_limit: float,
    rule: Disclosure = DEFAULT_RULE,
) -> pd.DataFrame:
    """RISK_ALERTS of `days` from their COURSE_SUMMARY_DAILY rows; no row when nothing fires.

    `share_limit`: share at high risk (0-1), critical from half way between it and everybody. `spike_limit`: relative rise of the
    mean risk over 7 days (0.1 = 10 %), critical from twice that. Both fire strictly above their limit, for each course and for
    'all', whose figures are the courses' weighted by enrolments.
    A threshold rests on 20 enrolments or more. What fires rests on true counts, what is told on `rule`: where fewer than
    `rule.below` are at high risk, or are not, a threshold gives no share; where counts are rounded, it gives that of the rounded
    ones, of 22.5 enrolments or more.
    A spike compares the same students, scored by the same model on both days (n_compared), of whom there must be 20 or more;
    'all' is about the compared of every course, also of those with fewer. Where too few were compared, or the mean a week ago
    is missing or 0, the spike is not evaluated; that there is no row then does not say that risk did not rise.
    """
    today = course_summary[course_summary["run_date"].isin(pd.DatetimeIndex(list(days)))]
    is_compared = today[["compared_risk", "compared_risk_7d_ago"]].notna().all(axis=1)
    n_compared = today["n_compared"].where(is_compared, 0)
    scoped = today.assign(
        scope=today["code_module"] + "-" + today["code_presentation"],
        n_compared=n_compared,
        total_now=today["compared_risk"].where(is_compared, 0) * n_compared,
        total_before=today["compared_risk_7d_ago"].where(is_compared, 0) * n_compared,
    )
    sums = ["student_count", "n_high_risk", "n_compared", "total_now", "total_before"]
    overall = scoped.groupby("run_date")[sums].sum().reset_index().assign(scope=ALL)
    rows = pd.concat([scoped[["run_date", "scope", *sums]], overall], ignore_index=True)
    return RISK_ALERTS.conform(
        pd.concat([_thresholds(rows, share_limit, rule), _spikes(rows, spike_limit, rule)], ignore_index=True)
    )


def drift_alerts(model_drift: pd.DataFrame, days: Iterable[date], rule: Disclosure = DEFAULT_RULE) -> pd.DataFrame:
    """RISK_ALERTS of `days` from their MODEL_DRIFT rows: one for each presentation and day with an alarm.

    Critical from twice the limit. The row of all presentations raises none of its own unless it is an alarm itself.
    """
    alarms = model_drift[model_drift["is_alarm"].astype("bool") & model_drift["run_date"].isin(pd.DatetimeIndex(list(days)))]
    scopes = (alarms["code_module"] + "-" + alarms["code_presentation"]).where(alarms["code_module"] != ALL, ALL)
    fired = alarms.assign(scope=scopes)[["run_date", "scope", "n_students", "observed_value", "limit_value", "reason"]]
    return _alerts(_counted(fired, rule), DRIFT, critical_from=2 * fired["limit_value"])


def _thresholds(rows: pd.DataFrame, limit: float, rule: Disclosure) -> pd.DataFrame:
    share = rows["n_high_risk"] / rows["student_count"]
    rows = rows.assign(observed_value=share, limit_value=limit, n_students=rows["student_count"])
    fired = rows[(share > limit + EXACTNESS) & (rows["student_count"] >= MIN_STUDENTS)]
    critical_from = (1 + limit) / 2
    if rule.rounds:
        shown = _counted(fired, rule)
        observed = share_of(shown["n_high_risk"], shown["n_students"], fired["n_students"])
        return _alerts(shown, THRESHOLD, critical_from, ROUNDED).assign(observed_value=observed.to_numpy())
    is_few = np.minimum(fired["n_high_risk"], fired["student_count"] - fired["n_high_risk"]) < rule.below
    told = _alerts(fired[~is_few], THRESHOLD, critical_from)
    few = _alerts(fired[is_few], THRESHOLD, critical_from, FEW, rule.below)
    return pd.concat([told, few.assign(observed_value=np.nan)])


def _spikes(rows: pd.DataFrame, limit: float, rule: Disclosure) -> pd.DataFrame:
    rows = rows[(rows["n_compared"] >= MIN_STUDENTS) & (rows["total_before"] > EXACTNESS)]
    rows = rows.assign(
        now=100 * rows["total_now"] / rows["n_compared"],
        before=100 * rows["total_before"] / rows["n_compared"],
        observed_value=rows["total_now"] / rows["total_before"] - 1,
        limit_value=limit,
        n_students=rows["n_compared"],
    )
    rows = rows.assign(points=rows["now"] - rows["before"], rise=100 * rows["observed_value"], limit=100 * limit)
    return _alerts(_counted(rows[rows["observed_value"] > limit + EXACTNESS], rule), SPIKE, critical_from=2 * limit)


def _counted(fired: pd.DataFrame, rule: Disclosure) -> pd.DataFrame:
    """With the counts that are told, rounded where the rule rounds."""
    counts = [name for name in ("n_students", "n_high_risk") if name in fired]
    return fired.assign(**{name: rounded(fired[name]) for name in counts}) if rule.rounds else fired


def _alerts(
    fired: pd.DataFrame, kind: str, critical_from: float | pd.Series, wording: str = "", below: int | None = None
) -> pd.DataFrame:
    """RISK_ALERTS rows of one kind; `wording`: one of SENTENCES, else that of the kind."""
    sentences = [
        SENTENCES[wording or kind].format(
            **{str(name): value for name, value in row.items()},
            who="All courses" if row["scope"] == ALL else row["scope"],
            day=date_text(row["run_date"]),
            below=below,
            base=BASE,
        )
        for row in fired.to_dict("records")
    ]
    severity = np.where(fired["observed_value"] >= critical_from - EXACTNESS, SEVERITIES[1], SEVERITIES[0])
    rows = fired.rename(columns={"run_date": "alert_date"}).assign(
        severity=pd.Series(severity, fired.index, dtype="str"), message=pd.Series(sentences, fired.index, dtype="str")
    )
    return alert_rows(RISK_ALERTS, kind, rows)
