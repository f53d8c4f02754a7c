"""From tested risks to the tables `model_evaluation` and `calibration_curve`. Nothing is scored here.

The figures of one cohort, module and day stand in `figures`; reach and lead, which ask when students left, here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from zlib import crc32

import numpy as np
import numpy.typing as npt
import pandas as pd

from oulad_platform.success.evaluation.figures import (
    HEADLINE_BUDGET,
    NO_INTERVAL,
    RESAMPLES,
    Interval,
    budget,
    calibration_bins,
    figures,
)
from oulad_platform.success.evaluation.protocol import EARLIER_COHORTS, ENROLMENT, NEXT_COHORT, PROTOCOLS, TRIAL
from oulad_platform.success.evaluation.rules import IN_METRICS
from oulad_platform.success.model_tables import CALIBRATION_CURVE, MODEL_EVALUATION
from oulad_platform.success.oversight.drift import estimated_auc
from oulad_platform.success.tables import ALL

WITHDRAWN = "Withdrawn"
COHORT_TESTS = (NEXT_COHORT, EARLIER_COHORTS)


def model_evaluation(
    tested: pd.DataFrame, student_info: pd.DataFrame, registration: pd.DataFrame, seed: int, resamples: int = RESAMPLES
) -> pd.DataFrame:
    """Every figure of every trial, module ('all' too) and day, in the columns of MODEL_EVALUATION.

    `tested`: TESTED_RISK. Figures of models and of the rules beside them as in `figures.figures`. Further:
    `estimated_auc`, from the scores alone; `reach`, the share of the cohort's enrolments that ended as Withdrawn that are still
    there on the day; `lead_days`, the median of the days until they left, of those contacted (the top tenth by risk, or whom a
    rule flags) who withdrew later. The first two tables are the raw ones; when somebody left is used as an outcome, never as a
    feature. The seed fixes the bootstrap; a figure does not depend on which others are asked for.
    """
    left = _leavers(student_info, registration)
    rows = tested.merge(left, on=ENROLMENT, how="left", validate="m:1", indicator="leaver")
    rows["leaver"] = rows["leaver"].eq("both")
    found = []
    for key, of_day in rows.groupby(["evaluation", "tested_cohort", "day"], sort=True):
        evaluation, cohort, day = str(key[0]), str(key[1]), int(of_day["day"].iloc[0])
        modules = sorted(of_day["code_module"].unique()) if evaluation in PROTOCOLS else ()
        for module in (ALL, *modules):
            own = of_day if module == ALL else of_day[of_day["code_module"] == module]
            leavers = left if module == ALL else left[left["code_module"] == module]
            n_leavers = int(leavers["code_presentation"].eq(cohort).sum()) if evaluation in COHORT_TESTS else 0
            cell = (evaluation, cohort, module, day)
            rules = IN_METRICS if evaluation in PROTOCOLS else {}
            drawn = crc32(repr((seed, *cell)).encode())
            found += [(scorer, *cell, *row) for scorer, *row in _cell(own, rules, n_leavers, drawn, resamples)]
    return MODEL_EVALUATION.conform(pd.DataFrame(found, columns=_COLUMNS)) if found else MODEL_EVALUATION.empty()


def calibration_curve(tested: pd.DataFrame) -> pd.DataFrame:
    """Risk given and outcome seen by tenth of the enrolments, of every trial and day, in the columns of CALIBRATION_CURVE.

    `tested`: TESTED_RISK; rungs of the leak ladder, which are no probabilities anybody is told, are left out.
    """
    frames = []
    for _, rows in tested[tested["evaluation"].isin(PROTOCOLS)].groupby([*TRIAL, "day"], sort=True):
        bins = calibration_bins(rows["label"].to_numpy("float64"), rows["risk_score"].to_numpy())
        frames.append(bins.assign(known_from=rows["known_from"].max(), **rows[[*TRIAL, "day"]].iloc[0]))
    return CALIBRATION_CURVE.conform(pd.concat(frames)) if frames else CALIBRATION_CURVE.empty()


_COLUMNS = ["model_version", "evaluation", "tested_cohort", "code_module", "day"]
_COLUMNS += ["metric", "value", "low", "high", "n_students", "known_from"]
_Row = tuple[str, str, float, float, float, int, pd.Timestamp]


def _cell(rows: pd.DataFrame, rules: Mapping[str, str], n_leavers: int, seed: int, resamples: int) -> Iterator[_Row]:
    """Scorer, metric, value, low, high, n_students and known_from: everything about one cohort, module and day."""
    by_model = {str(version): own for version, own in rows.groupby("model_version", sort=True)}
    first = next(iter(by_model.values()))
    label = first["label"].to_numpy("float64")
    risks = {version: own["risk_score"].to_numpy() for version, own in by_model.items()}
    flagged = {short: first[rule].to_numpy() for rule, short in rules.items()}
    found = figures(label, risks, flagged, seed=seed, resamples=resamples)
    for version, own in by_model.items():
        risk, known_from = risks[version], own["known_from"].max()
        contacted = np.argsort(-risk, kind="stable")[: budget(HEADLINE_BUDGET, len(risk))]
        further = {"estimated_auc": (estimated_auc(risk), *NO_INTERVAL)}
        yield from _rows(version, found[version] | further, len(own), known_from)
        yield from _lead(version, own.iloc[contacted], known_from)
        if n_leavers:
            yield version, "reach", own["leaver"].sum() / n_leavers, *NO_INTERVAL, n_leavers, known_from
    known_from = min(own["known_from"].max() for own in by_model.values())
    for rule, short in rules.items():
        yield from _rows(rule, found[short], len(first), known_from)
        yield from _lead(rule, first[flagged[short]], known_from)


def _rows(scorer: str, found: dict[str, Interval], n: int, known_from: pd.Timestamp) -> Iterator[_Row]:
    for metric, (value, low, high) in found.items():
        yield scorer, metric, value, low, high, n, known_from


def _lead(scorer: str, contacted: pd.DataFrame, known_from: pd.Timestamp) -> Iterator[_Row]:
    days: npt.NDArray[np.float64] = (contacted["date_unregistration"] - contacted["day"]).dropna().to_numpy("float64")
    yield scorer, "lead_days", float(np.median(days)) if len(days) else np.nan, *NO_INTERVAL, len(days), known_from


def _leavers(student_info: pd.DataFrame, registration: pd.DataFrame) -> pd.DataFrame:
    """Enrolments that ended as Withdrawn, with the day they left (NaN where no day is recorded)."""
    withdrawn = student_info.loc[student_info["final_result"].eq(WITHDRAWN), ENROLMENT]
    days = registration[[*ENROLMENT, "date_unregistration"]].astype({"date_unregistration": "float64"})
    return withdrawn.merge(days, on=ENROLMENT, how="left", validate="1:1")
