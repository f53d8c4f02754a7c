"""How many students to contact, and what that returns, when the effect of a contact is known only roughly.

The assumption: a contact lowers a student's risk of failing or withdrawing by the same share whatever the risk, because it
can only help who would otherwise not succeed. So the gain falls down the list while the cost does not, and there is a best
number to contact. The effect is given in percentage points for the mean flagged student (the mean of all scored where nobody
is flagged); the share is the effect divided by that student's risk, at most 1. An effect below 0, harm, follows the same rule.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from oulad_platform.core.privacy import BASE, Disclosure
from oulad_platform.success.modelling.cohorts import RULE
from oulad_platform.success.roi.sensitivity import refuse_negative
from oulad_platform.success.roi.tables import ROI_BY_CASELOAD, ROI_DRIVERS

Floats = npt.NDArray[np.float64]
GRID_POINTS = 36
TAILS = (0.1, 0.9)
EXACT = Disclosure(below=1)


class ReturnRules(BaseModel):
    """What is believed about the effect of a contact before this institution has measured it: a normal distribution.

    Of four published trials of coaching one found +5.0 points of success, three found none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    effect_points: float = Field(
        1.5, ge=-20, le=20, description="Expected effect of a contact on the mean flagged student's chance. percentage points"
    )
    effect_sd_points: float = Field(2.0, ge=0, le=20, description="Standard deviation of that belief. percentage points")
    draws: int = Field(10_000, ge=1_000, le=100_000, description="Draws of the effect.")


def roi_by_caseload(
    risk: pd.DataFrame,
    value_per_pass: float,
    cost_per_student: float,
    rules: ReturnRules,
    seed: int,
    disclosure: Disclosure = EXACT,
) -> pd.DataFrame:
    """ROI_BY_CASELOAD: up to 40 numbers of students from none to all, those at highest risk first; empty if no model scored
    anybody.

    `risk`: STUDENT_RISK_DAILY, the newest row of each enrolment; a student counts once, with the highest risk. Among the
    numbers are those flagged, the best one, and the ends of its interval. Every number meets the same draws of the effect.
    The best number of a draw contacts exactly those whose expected gain is worth more than the contact costs; 10 % of the
    draws have a best number below `best_size_low`, 10 % one above `best_size_high`. By `disclosure`, numbers of so few that their
    mean risk may not be shown have no row, be they flagged or best, and the plain numbers stand as far apart; where counts are
    rounded, so are these numbers. Money is in the currency of `value_per_pass`. Raises ValueError when an amount is negative or
    not finite, or an enrolment has several rows.
    """
    refuse_negative({"value_per_pass": [value_per_pass], "cost per student": [cost_per_student]})
    scores, n_flagged = _by_student(risk)
    if not len(scores):
        return ROI_BY_CASELOAD.empty()
    anchor = _anchor(scores, n_flagged)
    share = _share(_effects(rules, seed), anchor)
    worth = share * value_per_pass
    best = int(_best_number(scores, np.array([worth.mean()]), cost_per_student)[0])
    best_low, best_high = np.quantile(_best_number(scores, worth, cost_per_student), TAILS, method="nearest").astype("int64")
    fewest = disclosure.mean_from
    grid = np.linspace(0, len(scores), min(GRID_POINTS, len(scores) // fewest + 1)).round().astype("int64")
    if disclosure.rounds:
        most = len(scores) // BASE * BASE
        marked = np.array([n_flagged, best, best_low, best_high])
        n_flagged, best, best_low, best_high = np.minimum(_rounded(marked), most).tolist()
        grid = np.minimum(_rounded(grid), most)
    n = np.unique([*grid, n_flagged, best, best_low, best_high])
    n = n[(n == 0) | (n >= fewest)]
    without = _without_success(scores)[n]
    cost = n * cost_per_student
    net_benefit = worth[:, None] * without[None, :] - cost[None, :] + 0.0  # harm to nobody is 0, not -0
    low, high = np.quantile(net_benefit, TAILS, axis=0)
    mean = net_benefit.mean(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean_risk, roi = without / n, np.where(cost > 0, mean / cost, np.nan)
        break_even = cost / (value_per_pass * without)
    is_best = n == best
    return ROI_BY_CASELOAD.conform(
        pd.DataFrame(
            {
                "n_contacted": n,
                "mean_risk": mean_risk,
                "cost": cost,
                "net_benefit": mean,
                "net_benefit_low": low,
                "net_benefit_high": high,
                "roi": roi,
                "probability_of_profit": (net_benefit > 0).mean(axis=0),
                "break_even_points": 100 * anchor * np.where(break_even <= 1, break_even, np.nan),
                "is_flagged": n == n_flagged,
                "is_best": is_best,
                "best_size_low": pd.array(np.where(is_best, best_low, np.nan), dtype="Int32"),
                "best_size_high": pd.array(np.where(is_best, best_high, np.nan), dtype="Int32"),
            }
        )
    )


def roi_drivers(
    risk: pd.DataFrame,
    value_per_pass: float,
    cost_per_student: float,
    costs_per_student: Sequence[float],
    rules: ReturnRules,
    seed: int,
) -> pd.DataFrame:
    """ROI_DRIVERS: how much each assumption moves the net benefit of contacting all who are flagged; empty if nobody is.

    `risk`, `seed` and money as in `roi_by_caseload`. The effect goes from the 10th to the 90th percentile of its draws, the
    value of a pass 50 % down and up, the cost over `costs_per_student`, the number contacted from half to double (at most all
    scored). Raises ValueError as `roi_by_caseload` does.
    """
    refuse_negative({"value_per_pass": [value_per_pass], "cost per student": [cost_per_student, *costs_per_student]})
    scores, n_flagged = _by_student(risk)
    if not n_flagged:
        return ROI_DRIVERS.empty()
    anchor = _anchor(scores, n_flagged)
    without = _without_success(scores)
    effects = _effects(rules, seed)
    share = _share(effects, anchor)
    ends = np.quantile(effects, TAILS)
    values = value_per_pass / 2, value_per_pass * 1.5
    costs = min(cost_per_student, *costs_per_student), max(cost_per_student, *costs_per_student)
    numbers = n_flagged // 2, min(2 * n_flagged, len(scores))

    def net_benefit(
        share: float = share.mean(), value: float = value_per_pass, cost: float = cost_per_student, n: int = n_flagged
    ) -> float:
        return float(share * value * without[n] - cost * n)

    rows = [
        ("effect of a contact", "percentage points", effects.mean(), *ends, *map(net_benefit, _share(ends, anchor))),
        ("value of one more pass", "currency", value_per_pass, *values, *(net_benefit(value=value) for value in values)),
        ("cost of one contact", "currency", cost_per_student, *costs, *(net_benefit(cost=cost) for cost in costs)),
        ("students contacted", "students", n_flagged, *numbers, *(net_benefit(n=n) for n in numbers)),
    ]
    columns = ["driver", "unit", "base_value", "low_value", "high_value", "net_benefit_at_low", "net_benefit_at_high"]
    return ROI_DRIVERS.conform(pd.DataFrame(rows, columns=columns).assign(net_benefit=net_benefit()))


def _by_student(risk: pd.DataFrame) -> tuple[Floats, int]:
    """The risk of every student once, highest first, and how many of them are flagged. What a rule says is no probability."""
    risk = risk[risk["model_version"] != RULE]
    repeated = risk.duplicated(["id_student", "code_module", "code_presentation"])
    if repeated.any():
        raise ValueError(f"return on intervention: {int(repeated.sum()):,} enrolments have several rows; pass the newest of each")
    students = risk.groupby("id_student")[["risk_score", "high_risk_flag"]].max()
    return np.sort(students["risk_score"].to_numpy(dtype="float64"))[::-1], int(students["high_risk_flag"].sum())


def _anchor(scores: Floats, n_flagged: int) -> float:
    """The risk of the student whom the effect is stated for. Flagged students stand first: a flag is a score above a limit."""
    return float(scores[: n_flagged or len(scores)].mean())


def _effects(rules: ReturnRules, seed: int) -> Floats:
    """Draws of the effect, in points, lowest first: one from each of so many equally likely strata, which makes means sharp."""
    from scipy.special import ndtri

    uniform = np.random.default_rng(seed).uniform(1e-9, 1, rules.draws)
    return rules.effect_points + rules.effect_sd_points * ndtri((np.arange(rules.draws) + uniform) / rules.draws)


def _share(points: npt.ArrayLike, anchor: float) -> Floats:
    """By which share a contact lowers a student's risk, from -1 to 1; 0 where there is no risk to lower."""
    effect = np.asarray(points, dtype="float64") / 100
    return np.clip(effect / anchor, -1, 1) if anchor > 0 else np.zeros_like(effect)


def _without_success(scores: Floats) -> Floats:
    """Of the first 0, 1, 2 ... students of the list, how many are expected not to succeed."""
    return np.concatenate([[0.0], np.cumsum(scores)])


def _rounded(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    return (counts + BASE // 2) // BASE * BASE


def _best_number(scores: Floats, worth: Floats, cost: float) -> npt.NDArray[np.int64]:
    """Per worth of a risk lowered from 1 to 0, how many students have a gain above the cost of contacting them."""
    with np.errstate(divide="ignore", invalid="ignore"):
        least_risk = np.where(worth > 0, cost / worth, np.inf)
    return np.searchsorted(-scores, -least_risk, side="left").astype("int64")
