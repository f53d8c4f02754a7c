"""Figures of a made-up university for the page: 7 modules with 4 presentations each over 200 days up to 23 November 2026."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

from oulad_platform.core import alerts as core_alerts
from oulad_platform.core.alerts import ALERT_DECISIONS, OPERATION_ALERTS, alert_id, failure_alert, stale_alert
from oulad_platform.core.house import House
from oulad_platform.core.outreach import INTERVENTIONS, OUTCOMES
from oulad_platform.core.stats import wilson
from oulad_platform.success.dashboard.tables import FRESHNESS, REACH
from oulad_platform.success.evaluation.ladder import RUNGS
from oulad_platform.success.experiments.assignment import assign
from oulad_platform.success.experiments.simulation import simulate
from oulad_platform.success.experiments.tables import EXPERIMENT_LOOKS
from oulad_platform.success.model_tables import CALIBRATION_CURVE, MODEL_EVALUATION
from oulad_platform.success.oversight.tables import MODEL_FAIRNESS
from oulad_platform.success.roi import doubt
from oulad_platform.success.roi.doubt import ReturnRules
from oulad_platform.success.tables import COURSE_SUMMARY_DAILY

DAY = date(2026, 11, 23)
TODAY = pd.Timestamp(DAY)
MODULES = ("AAA", "BBB", "CCC", "DDD", "EEE", "FFF", "GGG")
PRESENTATIONS = ("2026B", "2026D", "2026J", "2026K")
ENDED = "2026B"
VERSION = "next-cohort-2025J"
N_DAYS = 200


def course_summary(small: int | None = None, n_days: int = N_DAYS) -> pd.DataFrame:
    """COURSE_SUMMARY_DAILY; with `small`, GGG 2026K has so many students, all but one at high risk."""
    rng = np.random.default_rng(7)
    days = pd.date_range(end=TODAY, periods=n_days, unit="us")
    parts = []
    for number, module in enumerate(MODULES):
        for order, presentation in enumerate(PRESENTATIONS):
            live = days[:-42] if presentation == ENDED else days
            n = 90 + 55 * number + 25 * order - np.arange(len(live)) // 12
            risk = np.clip(0.15 + 0.07 * number + 0.03 * order + 0.05 * np.sin(np.arange(len(live)) / 25), 0.02, 0.98)
            high = np.rint(n * np.clip(risk - 0.1 + rng.normal(0, 0.01, len(live)), 0.01, 0.99))
            if small is not None and (module, presentation) == ("GGG", "2026K"):
                n, high = np.full(len(live), small), np.full(len(live), small - 1)
            parts.append(
                pd.DataFrame(
                    {
                        "run_date": live,
                        "code_module": module,
                        "code_presentation": presentation,
                        "week": np.arange(len(live)) // 7,
                        "student_count": n,
                        "avg_risk_score": risk,
                        "n_high_risk": high,
                        "high_risk_rate": high / n,
                        "n_compared": n,
                        "compared_risk": risk,
                        "compared_risk_7d_ago": risk,
                        "high_risk_rate_change_7d": 0.0,
                        "model_version": VERSION,
                    }
                )
            )
    return COURSE_SUMMARY_DAILY.conform(pd.concat(parts, ignore_index=True))


def reach(summary: pd.DataFrame) -> pd.DataFrame:
    """REACH of the newest day of COURSE_SUMMARY_DAILY: three in ten of those at high risk reached, one in ten tried."""
    rows = summary[summary["run_date"] == summary["run_date"].max()]
    high = rows["n_high_risk"]
    counted = rows[["run_date", "code_module", "code_presentation", "n_high_risk"]]
    return REACH.conform(counted.assign(n_reached=high * 3 // 10, n_attempted=high // 10, n_listed=high // 2))


def enrollment(small: int | None = None, n_days: int = 400) -> pd.DataFrame:
    """The columns of enrollment_metrics that the page reads, without importing the other line."""
    days = pd.date_range(end=TODAY, periods=n_days, unit="us")
    sizes = {module: 420 + 60 * number + np.arange(n_days) // 4 for number, module in enumerate(MODULES)}
    if small is not None:
        sizes["GGG"] = np.full(n_days, small)
    rows = [("program", module, size) for module, size in sizes.items()]
    rows.append(("total", "all", np.sum(list(sizes.values()), axis=0)))
    frames = [pd.DataFrame({"date": days, "scope": scope, "name": name, "total_enrollment": size}) for scope, name, size in rows]
    frame = pd.concat(frames, ignore_index=True).assign(new_students=12, dropped_students=4)
    frame["last_year_enrollment"] = (frame["total_enrollment"] - 150).clip(lower=0)
    frame["last_year_difference"] = frame["total_enrollment"] - frame["last_year_enrollment"]
    return frame.astype({"new_students": "Int32", "dropped_students": "Int32", "last_year_enrollment": "Int32"})


def contacts(n: int = 600) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"contact_id": [f"c{number}" for number in range(n)], "id_student": rng.integers(1, 5000, n)})
    frame["contacted_on"] = TODAY - pd.to_timedelta(rng.integers(0, 60, n), unit="D")
    frame["adviser"], frame["channel"] = "Ms Hall", "call"
    return INTERVENTIONS.conform(frame.assign(outcome=rng.choice(OUTCOMES, n, p=(0.5, 0.4, 0.1))))


def evaluation() -> pd.DataFrame:
    """MODEL_EVALUATION: AUC and base rate by module and day, and the ladder."""
    rows: list[tuple[Any, ...]] = []
    for place, module in enumerate(("all", *MODULES)):
        n = 3200 if module == "all" else 460
        for step, day in enumerate((14, 28, 42, 56, 84)):
            auc = 0.71 + 0.025 * step + 0.005 * place
            rows.append((VERSION, "next_cohort", module, day, "auc", auc, auc - 0.02, auc + 0.02, n))
            rows.append((VERSION, "next_cohort", module, day, "base_rate", 0.42, np.nan, np.nan, n))
    for rung, auc in zip(RUNGS, (0.735, 0.76, 0.86, 0.81, 0.93, 0.97), strict=True):
        rows.append((VERSION, rung, "all", 28, "auc", auc, auc - 0.015, auc + 0.015, 3200))
    names = ["model_version", "evaluation", "code_module", "day", "metric", "value", "low", "high", "n_students"]
    frame = pd.DataFrame(rows, columns=names)
    return MODEL_EVALUATION.conform(frame.assign(tested_cohort="2026B", known_from=TODAY - pd.Timedelta(days=60)))


def curve(n: int = 320) -> pd.DataFrame:
    """CALIBRATION_CURVE of day 28; with 320 students a bin, 7 of the lowest bin failed."""
    bins = np.arange(1, 11)
    given = (bins - 0.5) / 10
    observed = np.rint(n * given**1.3) / n
    low, high = wilson(np.rint(n * observed), np.full(10, n))
    frame = pd.DataFrame({"bin": bins, "mean_risk": given, "observed_rate": observed, "low": low, "high": high, "n_students": n})
    names = {"model_version": VERSION, "evaluation": "next_cohort", "tested_cohort": "2026B", "day": 28}
    return CALIBRATION_CURVE.conform(frame.assign(**names, known_from=TODAY - pd.Timedelta(days=60)))


def fairness(small: int | None = None) -> pd.DataFrame:
    """MODEL_FAIRNESS of day 28: one group beyond the gate; with `small`, students who declared a disability are so few."""
    groups = {
        ("gender", "F"): (1500, -0.01, 0.9),
        ("gender", "M"): (1700, 0.01, 0.9),
        ("age_band", "0-35"): (2300, 0.01, 0.6),
        ("age_band", "35-55"): (880, -0.03, 0.6),
        ("disability", "N"): (2900, 0.02, 0.5),
        ("disability", "Y"): (300 if small is None else small, -0.13, 0.001),
        ("imd_band", "0-20%"): (640, 0.05, 0.4),
        ("imd_band", "20-40%"): (640, 0.02, 0.4),
        ("imd_band", "80-100%"): (600, -0.06, 0.2),
        ("gender x age_band", "F x 0-35"): (1100, 0.02, 0.8),
    }
    rows = []
    for (attribute, name), (n, gap, p) in groups.items():
        for measure, value in (("tpr_gap", gap), ("fpr_gap", gap / 2), ("mean_risk_gap", gap / 4), ("abroca", 0.02)):
            interval = (np.nan, np.nan) if measure == "abroca" else (value - 0.03, value + 0.03)
            rows.append((attribute, name, measure, value, *interval, p, p, n, n * 2 // 5))
    names = ["attribute", "group_name", "measure", "value", "low", "high", "p_value", "p_value_holm", "n_students", "n_positive"]
    frame = pd.DataFrame(rows, columns=names)
    frame = frame.assign(model_version=VERSION, evaluation="next_cohort", tested_cohort="2026B", day=28)
    return MODEL_FAIRNESS.conform(frame.assign(reference_group="everybody else", known_from=TODAY - pd.Timedelta(days=60)))


def alerts() -> pd.DataFrame:
    """Rows of alert_log: five kinds that fire up to the day, a table that was out of date, a run that failed."""
    kinds = (
        ("threshold", "AAA-2026J", "critical", 200),
        ("spike", "BBB-2026J", "warning", 200),
        ("drift", "CCC-2026J", "warning", 200),
        ("anomaly", "program CCC", "critical", pd.NA),
        ("data_quality", "all", "warning", pd.NA),
    )
    rows = [
        (alert_id(kind, scope, day), pd.Timestamp(day), kind, scope, severity, 0.64, 0.6, n, "A sentence.")
        for number, (kind, scope, severity, n) in enumerate(kinds)
        for day in (DAY - timedelta(days=back) for back in range(3 * number + 1))
    ]
    fired = OPERATION_ALERTS.conform(pd.DataFrame(rows, columns=OPERATION_ALERTS.names))
    stale = stale_alert("student_info", DAY - timedelta(days=20), DAY - timedelta(days=15))
    return pd.concat([fired, stale, failure_alert("success_daily", "run-7", ["success__features"], DAY)], ignore_index=True)


def episodes() -> pd.DataFrame:
    return core_alerts.episodes(alerts(), ALERT_DECISIONS.empty(), DAY)


def looks(n: int = 400, verdict: str = "no decision yet") -> pd.DataFrame:
    known = {"n_control": n, "n_treatment": n, "n_success_control": n // 2, "n_success_treatment": n // 2 + n // 16}
    effect = {"difference": 0.0625, "interval_low": -0.01, "interval_high": 0.13, "z": 1.77, "boundary": 2.4, "p_value": 0.077}
    cuped = {"cuped_difference": 0.058, "cuped_low": 0.0, "cuped_high": 0.12}
    cuped |= {"exposure_control": 0.02, "exposure_treatment": 0.71}
    rest = {"as_of": TODAY, "looked_on": TODAY, "look": 1, "information": 0.5, "n_lost": 3, "guardrail": "holds"}
    return EXPERIMENT_LOOKS.conform(
        pd.DataFrame([{"experiment_id": "calls-autumn", **known, **effect, **cuped, **rest}]).assign(verdict=verdict)
    )


def risk(n: int = 2000) -> pd.DataFrame:
    """The columns of STUDENT_RISK_DAILY that experiments and returns read, one row a student."""
    rng = np.random.default_rng(11)
    scores = rng.beta(1.5, 3.5, n)
    frame = pd.DataFrame({"run_date": TODAY, "id_student": np.arange(n), "code_module": rng.choice(MODULES, n)})
    frame = frame.assign(code_presentation="2026J", risk_score=scores, high_risk_flag=scores > 0.25, model_version=VERSION)
    return frame


def results() -> pd.DataFrame:
    reference = risk()[["code_module", "risk_score"]]
    passed = np.random.default_rng(13).uniform(size=len(reference)) > reference["risk_score"]
    return simulate(assign(risk(), "outreach", 400, seed=7), reference.assign(passed=passed), seed=7)


def roi_by_caseload() -> pd.DataFrame:
    return doubt.roi_by_caseload(risk(), 3000.0, 50.0, ReturnRules(), seed=7)


def roi_drivers() -> pd.DataFrame:
    return doubt.roi_drivers(risk(), 3000.0, 50.0, (25.0, 50.0, 100.0), ReturnRules(), seed=7)


def freshness() -> pd.DataFrame:
    """Seven daily tables: one a day behind, one 60 days, one without any day."""
    tables = ("enrollment_metrics", "student_risk_daily", "caseload_daily", "enrollment_snapshots", "features", "risk_reasons")
    newest = [TODAY, TODAY, TODAY, TODAY - pd.Timedelta(days=1), TODAY, TODAY - pd.Timedelta(days=60)]
    return FRESHNESS.conform(pd.DataFrame({"table_name": [*tables, "model_drift"], "newest": [*newest, pd.NaT]}))


def full(small: int | None = None) -> dict[str, Any]:
    """Everything that dashboard_html takes."""
    summary = course_summary(small)
    return {
        "house": House(),
        "day": DAY,
        "enrollment": enrollment(),
        "course_summary": summary,
        "reach": reach(summary),
        "contacts": contacts(),
        "alert_episodes": episodes(),
        "evaluation": evaluation(),
        "curve": curve(),
        "fairness": fairness(),
        "looks": looks(),
        "results": results(),
        "roi_by_caseload": roi_by_caseload(),
        "roi_drivers": roi_drivers(),
        "freshness": freshness(),
    }


def nothing() -> dict[str, Any]:
    """The same with every frame empty: the first day of an installation."""
    return {name: frame.head(0) if isinstance(frame, pd.DataFrame) else frame for name, frame in full().items()}
