"""What an experiment of a given size could show: a simulation on outcomes of closed cohorts, before anybody is contacted.

Outcomes are drawn from what became of real enrolments, never from the model's own probability. Formulas of the tests are in
`core.stats`, the report in `report`; live experiments are in `design` and `analysis`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from oulad_platform.core.stats import bca_difference, holm, minimum_detectable_difference, newcombe
from oulad_platform.success.experiments.assignment import draws
from oulad_platform.success.experiments.comparison import compared
from oulad_platform.success.experiments.tables import EXPERIMENT_RESULTS, TREATMENT, VERDICTS
from oulad_platform.success.modelling.cohorts import RULE

UPLIFTS = (3.0, 5.0, 8.0)
NEIGHBOURS = 50
ALPHA = 0.05
EFFECT, NO_EFFECT, UNDER_POWERED = VERDICTS


def simulate(assignments: pd.DataFrame, reference: pd.DataFrame, seed: int, uplifts: Sequence[float] = UPLIFTS) -> pd.DataFrame:
    """EXPERIMENT_RESULTS: what each assumed uplift (percentage points of the pass rate) would have shown. A simulation.

    `assignments`: one experiment; `reference`: one row per enrolment of closed cohorts with code_module, risk_score and
    passed (bool). A student's chance to pass is the share that passed among the 50 enrolments of the same module nearest
    in risk (of all modules where a module has fewer). The student passes when a keyed draw from 0 to 1, the same in every
    scenario, is below that chance, plus the uplift if treated: a larger uplift never shows less. p-values, Fisher's where a
    cell is expected to hold fewer than 5, are Holm-adjusted over the scenarios; the detectable effect rests on the design and
    the reference alone, not on the draw.
    Empty when there is no reference or nobody was assigned. Raises ValueError when an uplift is negative.
    """
    if any(not uplift >= 0 for uplift in uplifts):
        raise ValueError(f"uplifts {list(uplifts)} must be percentage points of 0 or more")
    if assignments.empty or reference.empty:
        return EXPERIMENT_RESULTS.empty()
    experiment_id = str(assignments["experiment_id"].iloc[0])
    chance = pass_chances(assignments, reference)
    draw = draws(assignments, f"{seed}:{experiment_id}:outcome")
    is_treated = (assignments["arm"] == TREATMENT).to_numpy()
    points = np.array(sorted(uplifts), dtype="float64")
    n_control, n_treatment = int((~is_treated).sum()), int(is_treated.sum())
    passed_control = int((draw < chance)[~is_treated].sum())
    passed = (draw[None, :] < chance[None, :] + points[:, None] / 100)[:, is_treated].sum(axis=1)
    counts = (passed, n_treatment, passed_control, n_control)
    z, p_value = compared(*counts)
    newcombe_low, newcombe_high = newcombe(*counts)
    bootstrap_low, bootstrap_high = bca_difference(*counts, seed=seed)
    adjusted = holm(p_value)
    detectable = float(100 * minimum_detectable_difference(chance.mean(), n_control, n_treatment, alpha=ALPHA))
    rate_control = passed_control / n_control if n_control else np.nan
    rate_treatment = passed / n_treatment if n_treatment else np.full(len(points), np.nan)
    is_shown = (adjusted < ALPHA) & (rate_treatment > rate_control)
    verdict = np.where(points >= detectable, np.where(is_shown, EFFECT, NO_EFFECT), UNDER_POWERED)
    return EXPERIMENT_RESULTS.conform(
        pd.DataFrame(
            {
                "experiment_id": experiment_id,
                "uplift_points": points,
                "n_control": n_control,
                "n_treatment": n_treatment,
                "n_passed_control": passed_control,
                "n_passed_treatment": passed,
                "pass_rate_control": rate_control,
                "pass_rate_treatment": rate_treatment,
                "difference": rate_treatment - rate_control,
                "newcombe_low": newcombe_low,
                "newcombe_high": newcombe_high,
                "bootstrap_low": bootstrap_low,
                "bootstrap_high": bootstrap_high,
                "z": z,
                "p_value": p_value,
                "p_value_holm": adjusted,
                "minimum_detectable_points": detectable,
                "verdict": verdict,
            }
        )
    )


def reference_outcomes(panel: pd.DataFrame, scored: pd.DataFrame, population: pd.DataFrame) -> pd.DataFrame:
    """Per enrolment of closed cohorts: code_module, risk_score and passed, as `simulate` takes them; empty if none compares.

    `panel`: TRAINING_PANEL; `scored`: the same rows, in the same order, with risk_score and model_version, each scored by
    the model in charge on its day (which had not seen it); `population`: the STUDENT_RISK_DAILY rows, of one day, that the
    experiment starts from. Only outcomes known by that day count. Of each module, the panel day nearest to where the module
    stands now. Scores of the rule are not compared with a model's.
    """
    is_known = (panel["known_from"] <= population["run_date"].max()).to_numpy()
    known = scored.assign(passed=(panel["label"] == 0).to_numpy())[is_known]
    known = known[known["model_version"].eq(RULE) == population["model_version"].eq(RULE).all()]
    stands = known["code_module"].map(population.groupby("code_module")["day"].median()).astype("float64")
    known = known.assign(distance=(known["day"] - stands.fillna(population["day"].median())).abs()).dropna(subset="distance")
    nearest = known.sort_values(["distance", "day"]).drop_duplicates("code_module").set_index("code_module")["day"]
    chosen = known[known["day"] == known["code_module"].map(nearest)]
    return chosen[["code_module", "risk_score", "passed"]].reset_index(drop=True)


def pass_chances(students: pd.DataFrame, reference: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Per student (code_module, risk_score), the share that passed of the 50 reference enrolments nearest in rank of risk.

    Of the same module, or of all modules where it has fewer than 50; of all there are when these are fewer. Enrolments of
    equal risk count with their common pass rate, so that their order does not matter.
    """
    chance = np.empty(len(students))
    by_module = dict(list(reference.groupby("code_module")))
    modules = students["code_module"].to_numpy()
    for module in np.unique(modules):
        own = by_module.get(module, reference.iloc[:0])
        known = own if len(own) >= NEIGHBOURS else reference
        is_here = modules == module
        chance[is_here] = _nearest_pass_rate(known, students["risk_score"].to_numpy(dtype="float64")[is_here])
    return chance


def _nearest_pass_rate(known: pd.DataFrame, risk: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    rates = known["passed"].astype("float64").groupby(known["risk_score"]).agg(["sum", "size"])
    per_row = np.repeat((rates["sum"] / rates["size"]).to_numpy(), rates["size"])
    scores = np.repeat(rates.index.to_numpy(dtype="float64"), rates["size"])
    total = np.concatenate([[0.0], np.cumsum(per_row)])
    width = min(NEIGHBOURS, len(scores))
    middle = (np.searchsorted(scores, risk, side="left") + np.searchsorted(scores, risk, side="right")) // 2
    start = np.clip(middle - width // 2, 0, len(scores) - width)
    return np.clip((total[start + width] - total[start]) / width, 0, 1)
