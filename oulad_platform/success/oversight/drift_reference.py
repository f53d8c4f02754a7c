"""What a model reached where outcomes are known, and the quick label that stands in for them: missed an assessment since.

The figures a running presentation is held against; the comparison is `drift`'s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

from oulad_platform.success.tables import ALL

PROXY_DAYS = 14
FEWEST_OF_A_KIND = 50
FEWEST_WINDOWS = 5
COURSE = ["code_module", "code_presentation"]
PERSON = [*COURSE, "id_student"]
COURSEWORK = ["n_assessments_due", "n_assessments_missed"]
Floats = npt.NDArray[np.float64]
Daily = Mapping[date, pd.DataFrame]


@dataclass(frozen=True)
class Reached:
    """The AUC that was reached on held-out students of a module, or of all, by course day, with its standard error."""

    days: Floats
    auc: Floats
    error: Floats

    def on(self, day: float) -> tuple[float, float]:
        """AUC and standard error on a course day: linear between two that are known, the last one after it, NaN before them."""
        auc, error = (float(np.interp(day, self.days, known, left=np.nan)) for known in (self.auc, self.error))
        return auc, error


NOT_REACHED = Reached(*(np.full(1, np.nan) for _ in range(3)))


def ranking_auc(values: Floats, positive: Floats) -> float:
    """AUC of `values` where each is positive with a probability, or with certainty (0.0 or 1.0); ties count half.

    NaN where there is no pair of a positive and a negative.
    """
    order = np.argsort(values, kind="stable")
    ranked, yes = values[order], positive[order]
    no = 1 - yes
    pairs = yes.sum() * no.sum() - yes @ no
    if len(values) < 2 or pairs <= 1e-12:
        return float("nan")
    first = np.flatnonzero(np.concatenate([[True], ranked[1:] != ranked[:-1]]))
    yes_here, no_here, with_itself = (np.add.reduceat(amount, first) for amount in (yes, no, yes * no))
    below = np.cumsum(no_here) - no_here
    return float((yes_here @ below + (yes_here @ no_here - with_itself.sum()) / 2) / pairs)


def standard_error(auc: npt.ArrayLike, n_positive: npt.ArrayLike, n_negative: npt.ArrayLike) -> Floats:
    """Standard error of an AUC. Source: Hanley and McNeil, Radiology 143:29 (1982)."""
    a, n, m = (np.asarray(value, dtype="float64") for value in (auc, n_positive, n_negative))
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = a * (1 - a) + (n - 1) * (a / (2 - a) - a**2) + (m - 1) * (2 * a**2 / (1 + a) - a**2)
        return np.sqrt(variance / (n * m))


def reached_aucs(rows: pd.DataFrame) -> dict[tuple[str, str], Reached]:
    """What each version reached by module and, as ALL for modules it does not know, in the module it did worst in.

    `rows`: model_version, code_module, day, risk_score, positive (0 or 1); see `_aucs` for who is left out.
    """
    known = _aucs(rows)
    lowest = known.sort_values("auc", kind="stable").drop_duplicates(["model_version", "day"]).assign(code_module=ALL)
    return {
        (str(version), str(module)): Reached(*(one[name].to_numpy("float64") for name in ("day", "auc", "error")))
        for (version, module), one in pd.concat([known, lowest]).sort_values("day").groupby(["model_version", "code_module"])
    }


def reached_proxies(rows: pd.DataFrame) -> dict[str, tuple[float, float]]:
    """Mean and standard deviation of each version's proxy AUC over modules and days; assessments differ more than chance does.

    A version with fewer than FEWEST_WINDOWS of them is left out. `rows` as for `reached_aucs`.
    """
    by_version = {str(version): one["auc"] for version, one in _aucs(rows).groupby("model_version")}
    return {version: (auc.mean(), auc.std()) for version, auc in by_version.items() if len(auc) >= FEWEST_WINDOWS}


def _aucs(rows: pd.DataFrame) -> pd.DataFrame:
    """AUC and standard error by version, module and day, without groups of fewer than FEWEST_OF_A_KIND of either kind."""
    by_group = {key: auc_of(one) for key, one in rows.groupby(["model_version", "code_module", "day"])}
    found = [(*key, *figures) for key, figures in by_group.items() if figures]
    return pd.DataFrame(found, columns=["model_version", "code_module", "day", "auc", "error"])


def auc_of(rows: pd.DataFrame) -> tuple[float, float] | None:
    """AUC of the rows' risk_score on `positive` and its standard error; None with fewer than FEWEST_OF_A_KIND of either kind."""
    positive = rows["positive"].to_numpy("float64")
    n_positive, n = int(positive.sum()), len(rows)
    if min(n_positive, n - n_positive) < FEWEST_OF_A_KIND:
        return None
    auc = ranking_auc(rows["risk_score"].to_numpy("float64"), positive)
    return auc, float(standard_error(auc, n_positive, n - n_positive))


def proxies(days: Sequence[date], features: Daily, scores: Daily) -> pd.DataFrame:
    """One row per day and enrolment with an assessment due in the PROXY_DAYS days before it, scored then and live on both days:
    run_date, enrolment, risk_score and model_version of that time, and whether an assessment due since is `missed`.
    """
    found = []
    for day in days:
        before = day - timedelta(days=PROXY_DAYS)
        if before in features and before in scores and day in features:
            since = _missed_since(features[before], features[day])
            scored = since.merge(scores[before][[*PERSON, "risk_score", "model_version"]], on=PERSON)
            found.append(scored.assign(run_date=pd.Timestamp(day)))
    columns = ["run_date", *PERSON, "missed", "risk_score", "model_version"]
    return pd.concat(found, ignore_index=True)[columns] if found else pd.DataFrame(columns=columns)


def _missed_since(then: pd.DataFrame, now: pd.DataFrame, key: Sequence[str] = PERSON) -> pd.DataFrame:
    both = now[[*key, *COURSEWORK]].merge(then[[*key, *COURSEWORK]], on=list(key), suffixes=("", "_before"))
    due = both[both["n_assessments_due"] > both["n_assessments_due_before"]]
    return due[list(key)].assign(missed=due["n_assessments_missed"] > due["n_assessments_missed_before"])


def held_out_proxies(panel: Mapping[str, pd.DataFrame], held_out: pd.DataFrame) -> pd.DataFrame:
    """The HELD_OUT_RISK rows with an assessment due in the PROXY_DAYS days after theirs; `positive`: missed it. For
    `reached_proxies`; the coursework of both days is read from the training panel.
    """
    codes = held_out["code_presentation"].unique()
    parts = [part.loc[part["code_presentation"].isin(codes), [*PERSON, "day", *COURSEWORK]] for part in panel.values()]
    rows = pd.concat(parts or [pd.DataFrame(columns=[*PERSON, "day", *COURSEWORK])])
    since = _missed_since(rows, rows.assign(day=rows["day"] - PROXY_DAYS), [*PERSON, "day"])
    return held_out.merge(since, on=[*PERSON, "day"]).rename(columns={"missed": "positive"})
