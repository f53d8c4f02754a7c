"""How good the champion seems before any outcome is known, and when that is an alarm: the rows of `model_drift`.

Features are compared in `drift_features`; what an alarm makes somebody read is `alerts`'. Nothing here reads an outcome of a
running presentation.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from oulad_platform.success.oversight.drift_features import FEWEST_IN_REFERENCE, Learnt, feature_drift
from oulad_platform.success.oversight.drift_reference import (
    COURSE,
    NOT_REACHED,
    Daily,
    Floats,
    Reached,
    auc_of,
    held_out_proxies,
    proxies,
    ranking_auc,
    reached_aucs,
    reached_proxies,
    standard_error,
)
from oulad_platform.success.oversight.tables import FEATURE_DRIFT, MODEL_DRIFT
from oulad_platform.success.tables import ALL

PSI_LIMIT = 0.25
MATTERS_FROM = 0.05
SHARE_LIMIT = 1 / 3
AUC_LIMIT, STANDARD_ERRORS = 0.05, 3.0
Row = Mapping[Hashable, Any]
Alarm = tuple[float, float, str]
PROMISE = "the scores promise an AUC of {now:.2f}; on held-out students of the module it was {then:.2f}"
PROMISE_UNKNOWN = "the scores promise an AUC of {now:.2f} in a module new to the model; in its worst one it was {then:.2f}"
PROXY = "who missed an assessment in the last 14 days was ranked with an AUC of {now:.2f}; {then:.2f} is usual"


def drift(
    days: Sequence[date],
    features: Daily,
    scores: Daily,
    panel: Mapping[str, pd.DataFrame],
    held_out: pd.DataFrame,
    models: Mapping[str, Learnt],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """FEATURE_DRIFT and MODEL_DRIFT of `days`; no row for a day on which nobody is scored.

    `features`: FEATURES rows by day and `scores`: STUDENT_RISK_DAILY rows by day, both of the days and of the 14 days before
    each (`drift_reference.PROXY_DAYS`) as far as they were made; read one day at a time. `panel`: TRAINING_PANEL in parts.
    `held_out`: HELD_OUT_RISK. `models`: the stored models by version; a day is judged against the one that scored it.
    """
    runs = _runs(days, scores, models)
    drifted = feature_drift(runs, features, panel, models)
    judged = model_drift(runs, proxies(days, features, scores), drifted, panel, held_out)
    return FEATURE_DRIFT.conform(drifted[FEATURE_DRIFT.names]), MODEL_DRIFT.conform(judged[MODEL_DRIFT.names])


def estimated_auc(risk: npt.ArrayLike) -> float:
    """The AUC that these scores promise if they are calibrated; NaN where all are 0, all are 1, or fewer than two are given.

    The expected share of pairs of one who does not succeed and one who does in which the former has the higher risk.
    Source: confidence-based performance estimation, in Białek, Kivimäki, Kuberski, Perrakis, arXiv:2401.08348 (2024).
    """
    scores = np.asarray(risk, dtype="float64")
    return ranking_auc(scores, scores)


def model_drift(
    runs: pd.DataFrame, proxy: pd.DataFrame, drifted: pd.DataFrame, panel: Mapping[str, pd.DataFrame], held_out: pd.DataFrame
) -> pd.DataFrame:
    """MODEL_DRIFT: a row for each of `runs` (running presentation and day), and per day one for all, weighted by size.

    `proxy`: `proxies`; `drifted`: `feature_drift`. An alarm is raised when the estimated AUC, or the proxy's, lies more than
    AUC_LIMIT and STANDARD_ERRORS standard errors (of both figures together; the proxy's: of its spread over assessments) below
    what the model reached on held-out students, of a module it does not know in the module it did worst in. Or when more than
    SHARE_LIMIT of the features that matter (alone an AUC MATTERS_FROM from .5 in the reference) have a PSI above PSI_LIMIT,
    with FEWEST_IN_REFERENCE enrolments on both sides and the module's own reference.
    A new assessment scheme moves a quarter of them and is for the AUCs to judge; clicks lost for two weeks move more than a
    third (2013B against 2013J).
    """
    reached = reached_aucs(held_out.rename(columns={"label": "positive"}))
    reached_proxy = reached_proxies(held_out_proxies(panel, held_out))
    same = proxy.merge(runs[["run_date", "model_version"]].drop_duplicates(), on=["run_date", "model_version"])
    due = proxy.groupby(["run_date", *COURSE]).size()
    misses = dict(list(same.groupby(["run_date", *COURSE], sort=False)))
    features = dict(list(drifted.groupby(["run_date", *COURSE], sort=False)))
    rows = []
    for run in runs.to_dict("records"):
        key = (run["run_date"], run["code_module"], run["code_presentation"])
        auc, error = _of_module(reached, run).on(run["day"])
        noise = np.hypot(error, standard_error(run["estimated_auc"], run["n_expected"], run["n_students"] - run["n_expected"]))
        promise = PROMISE if (run["model_version"], run["code_module"]) in reached else PROMISE_UNKNOWN
        then, spread = reached_proxy.get(run["model_version"], (float("nan"), float("nan")))
        now, now_error = _proxy_auc(misses.get(key))
        alarms = [
            _shortfall(run["estimated_auc"], auc, float(noise), promise),
            _shortfall(now, then, float(np.hypot(now_error, spread)), PROXY),
            _moved(features.get(key)),
        ]
        rows.append(
            {
                **run,
                "reference_auc": auc,
                "proxy_auc": now,
                "proxy_reference_auc": then,
                "n_proxy": due.get(key, 0),
                "n_features_drifted": _n_above(features.get(key)),
                **_alarm(run, [alarm for alarm in alarms if alarm]),
            }
        )
    frame = pd.DataFrame(rows, columns=MODEL_DRIFT.names)
    overall = [_overall(rows_of_day, drifted[drifted["run_date"].eq(day)]) for day, rows_of_day in frame.groupby("run_date")]
    return pd.concat([frame, pd.DataFrame(overall, columns=MODEL_DRIFT.names)], ignore_index=True) if overall else frame


def _runs(days: Sequence[date], scores: Daily, models: Mapping[str, Learnt]) -> pd.DataFrame:
    rows = [row for day in days if day in scores for row in _presentations_of(scores[day], models)]
    columns = ["run_date", *COURSE, "day", "model_version", "n_students", "mean_risk", "n_expected", "estimated_auc"]
    return pd.DataFrame(rows, columns=columns)


def _presentations_of(scored: pd.DataFrame, models: Mapping[str, Learnt]) -> Iterator[tuple[object, ...]]:
    for (run_date, module, code), one in scored.groupby(["run_date", *COURSE]):
        risk, version = one["risk_score"].to_numpy("float64"), one["model_version"].iloc[0]
        auc = estimated_auc(risk) if version in models else float("nan")  # the rule's figures are no probabilities
        yield run_date, module, code, int(one["day"].iloc[0]), version, len(one), risk.mean(), risk.sum(), auc


def _of_module(reached: Mapping[tuple[str, str], Reached], run: Row) -> Reached:
    version = str(run["model_version"])
    return reached.get((version, str(run["code_module"])), reached.get((version, ALL), NOT_REACHED))


def _proxy_auc(rows: pd.DataFrame | None) -> tuple[float, float]:
    found = None if rows is None else auc_of(rows.rename(columns={"missed": "positive"}))
    return found or (float("nan"), float("nan"))


def _matters(rows: pd.DataFrame) -> pd.Series:
    return (rows["reference_auc"] - 0.5).abs() >= MATTERS_FROM


def _n_above(rows: pd.DataFrame | None) -> int:
    return 0 if rows is None else int((rows["psi"] > PSI_LIMIT).sum())


def _shortfall(now: float, then: float, noise: float, sentence: str) -> Alarm | None:
    limit = max(AUC_LIMIT, STANDARD_ERRORS * noise)  # NaN comes out as no alarm
    return (then - now, limit, sentence.format(now=now, then=then)) if then - now > limit else None


def _moved(rows: pd.DataFrame | None) -> Alarm | None:
    if rows is None or rows["reference_module"].iloc[0] == ALL or rows["n_students"].iloc[0] < FEWEST_IN_REFERENCE:
        return None
    matter = rows[_matters(rows)]
    above = matter[matter["psi"] > PSI_LIMIT].sort_values(["psi", "feature"], ascending=[False, True])
    if len(above) <= SHARE_LIMIT * len(matter):
        return None
    most = f"most of all {above['feature'].iloc[0]} (PSI {above['psi'].iloc[0]:.2f})"
    sentence = f"{len(above)} of {len(matter)} features that matter lie far from those learnt from, {most}"
    return len(above) / len(matter), SHARE_LIMIT, sentence


def _alarm(run: Row, alarms: Sequence[Alarm]) -> dict[Hashable, Any]:
    if not alarms:
        return {"is_alarm": False, "reason": "", "observed_value": np.nan, "limit_value": np.nan}
    strongest = max(alarms, key=lambda alarm: alarm[0] / alarm[1])
    where = f"{run['code_module']}-{run['code_presentation']}, course day {run['day']}, model {run['model_version']}"
    reason = f"{where}: {'; '.join(sentence for *_, sentence in alarms)}."
    return {"is_alarm": True, "reason": reason, "observed_value": strongest[0], "limit_value": strongest[1]}


def _overall(rows: pd.DataFrame, drifted: pd.DataFrame) -> dict[Hashable, Any]:
    n = rows["n_students"].to_numpy("float64")

    def mean(name: str, weights: Floats) -> float:
        values = rows[name].to_numpy("float64")
        known = ~np.isnan(values) & (weights > 0)
        return float(np.average(values[known], weights=weights[known])) if known.any() else float("nan")

    both = n * rows[["estimated_auc", "reference_auc"]].notna().all(axis=1).to_numpy()
    n_proxy = rows["n_proxy"].to_numpy("float64")
    return {
        **rows.iloc[0].to_dict(),
        **dict.fromkeys(COURSE, ALL),
        "day": int(np.median(np.repeat(rows["day"].to_numpy("int64"), n.astype("int64")))),
        "n_students": int(n.sum()),
        "mean_risk": mean("mean_risk", n),
        "estimated_auc": mean("estimated_auc", both if both.any() else n),
        "reference_auc": mean("reference_auc", both),
        "proxy_auc": mean("proxy_auc", n_proxy),
        "proxy_reference_auc": mean("proxy_reference_auc", n_proxy),
        "n_proxy": int(n_proxy.sum()),
        "n_features_drifted": drifted.loc[drifted["psi"] > PSI_LIMIT, "feature"].nunique(),
        **_alarm({}, []),
    }
