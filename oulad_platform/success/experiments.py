"""An experiment on the students at highest risk: who would be in which arm, and what a simulation says it could show.

Outcomes are simulated from what became of real enrolments of closed cohorts, never from the model's own probability; the
report says so. Formulas of the tests are in `core.stats`; live experiments are not here.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from oulad_platform.core.reports import date_text, markdown_table, markdown_text
from oulad_platform.core.stats import (
    bootstrap_difference,
    holm,
    minimum_detectable_difference,
    newcombe,
    sample_size_per_arm,
    two_proportion_z,
)
from oulad_platform.success.modelling.cohorts import RULE
from oulad_platform.success.tables import ARMS, EXPERIMENT_ASSIGNMENTS, EXPERIMENT_RESULTS, VERDICTS

UPLIFTS = (3.0, 5.0, 8.0)
NEIGHBOURS = 50
ALPHA = 0.05
TENTHS = np.array([f"{low / 10:.1f}-{(low + 1) / 10:.1f}" for low in range(10)])
CONTROL, TREATMENT = ARMS
EFFECT, NO_EFFECT, UNDER_POWERED = VERDICTS


def assign(risk: pd.DataFrame, experiment_id: str, top_k: int, seed: int) -> pd.DataFrame:
    """EXPERIMENT_ASSIGNMENTS: the `top_k` students at highest risk (all, if fewer), one row each, half of them in each arm.

    `risk`: STUDENT_RISK_DAILY rows of one day. A student counts once, with the enrolment of highest risk. Within each
    stratum (module and tenth of risk) students are ordered by a hash keyed with seed and experiment and take turns, so the
    arms differ by one at most in every stratum and in all, and the order of the rows does not matter; ties go by the hash.
    Raises ValueError when `risk` holds more than one day.
    """
    days = risk["run_date"].unique()
    if len(days) > 1:
        raise ValueError(f"experiment {experiment_id}: risk scores of {len(days)} days were given; pass one day's")
    keyed = risk.assign(draw=_draws(risk, f"{seed}:{experiment_id}:arm"))
    ranked = keyed.sort_values(["risk_score", "draw"], ascending=[False, True]).drop_duplicates("id_student")
    chosen = ranked.head(top_k)
    tenth = np.minimum(chosen["risk_score"].to_numpy() * 10, 9).astype("int64")
    stratum = chosen["code_module"] + " " + pd.Series(TENTHS[tenth], index=chosen.index, dtype="str")
    chosen = chosen.assign(stratum=stratum).sort_values(["stratum", "draw"])
    first = int(_uniform(f"{seed}:{experiment_id}", "first arm") < 0.5)
    turns = (np.arange(len(chosen)) + first) % 2
    chosen = chosen.assign(experiment_id=experiment_id, assigned_date=chosen["run_date"], arm=np.array(ARMS)[turns])
    return EXPERIMENT_ASSIGNMENTS.conform(chosen[EXPERIMENT_ASSIGNMENTS.names])


def simulate(assignments: pd.DataFrame, reference: pd.DataFrame, seed: int, uplifts: Sequence[float] = UPLIFTS) -> pd.DataFrame:
    """EXPERIMENT_RESULTS: what each assumed uplift (percentage points of the pass rate) would have shown. A simulation.

    `assignments`: one experiment; `reference`: one row per enrolment of closed cohorts with code_module, risk_score and
    passed (bool). A student's chance to pass is the share that passed among the 50 enrolments of the same module nearest
    in risk (of all modules where a module has fewer). The student passes when a keyed draw from 0 to 1, the same in every
    scenario, is below that chance, plus the uplift if treated: a larger uplift never shows less. p-values are Holm-adjusted
    over the scenarios; the detectable effect rests on the design and the reference alone, not on the draw.
    Empty when there is no reference or nobody was assigned. Raises ValueError when an uplift is negative.
    """
    if any(not uplift >= 0 for uplift in uplifts):
        raise ValueError(f"uplifts {list(uplifts)} must be percentage points of 0 or more")
    if assignments.empty or reference.empty:
        return EXPERIMENT_RESULTS.empty()
    experiment_id = str(assignments["experiment_id"].iloc[0])
    chance = pass_chances(assignments, reference)
    draw = _draws(assignments, f"{seed}:{experiment_id}:outcome")
    is_treated = (assignments["arm"] == TREATMENT).to_numpy()
    points = np.array(sorted(uplifts), dtype="float64")
    n_control, n_treatment = int((~is_treated).sum()), int(is_treated.sum())
    passed_control = int((draw < chance)[~is_treated].sum())
    passed = (draw[None, :] < chance[None, :] + points[:, None] / 100)[:, is_treated].sum(axis=1)
    counts = (passed, n_treatment, passed_control, n_control)
    z, p_value = two_proportion_z(*counts)
    newcombe_low, newcombe_high = newcombe(*counts)
    bootstrap_low, bootstrap_high = bootstrap_difference(*counts, seed=seed)
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


def ab_test_report(results: pd.DataFrame, assignments: pd.DataFrame) -> str:
    """The simulation as a Markdown report: the design and what it can find first, then each scenario and its verdict."""
    title = "# A/B test: offline simulation\n\n"
    if assignments.empty:
        return f"{title}No simulation: nobody is scored yet, so nobody was assigned.\n"
    arms = assignments["arm"].value_counts().reindex(list(ARMS), fill_value=0)
    first = assignments.iloc[0]
    design = (
        "This is a **simulation, not causal proof**: no student was contacted. It shows what an experiment of this size could "
        "find.\n\n"
        f"## Design\n\nExperiment {markdown_text(first['experiment_id'])}, assigned on {date_text(first['assigned_date'])}: "
        f"{arms[CONTROL]:,} students in the control arm and {arms[TREATMENT]:,} in the treatment arm, stratified by module and "
        f"tenth of risk ({assignments['stratum'].nunique():,} strata), mean risk "
        f"{_mean_risk(assignments, CONTROL)} and {_mean_risk(assignments, TREATMENT)}.\n\n"
    )
    by_module = assignments.pivot_table(index="code_module", columns="arm", values="id_student", aggfunc="count", fill_value=0)
    modules = markdown_table(by_module.reindex(columns=list(ARMS), fill_value=0).reset_index())
    if results.empty:
        return (
            f"{title}{design}{modules}\nNo result: no closed cohort has comparable scores, so there is no real outcome to draw.\n"
        )
    detectable = results["minimum_detectable_points"].iloc[0]
    found = "No effect, however large," if np.isnan(detectable) else f"An effect of {detectable:.1f} percentage points or more"
    power = f"{found} would be found with 80 % power (two-sided, alpha {ALPHA}).\n\n"
    return f"{title}{design}{modules}\n## Power\n\n{power}## Scenarios\n\n{_scenarios(results)}{_METHOD}"


_METHOD = """
Outcomes come from closed cohorts: each student passes as did the enrolments of the same module nearest in risk, with the same
draw in every scenario. Difference: treatment minus control, in percentage points, with Newcombe's and the bootstrap's 95 %
interval. p: two-proportion z-test, pooled, two-sided; beside it adjusted by Holm over the scenarios. Students needed: per arm,
for 80 % power at the control arm's pass rate.
"""


def _scenarios(results: pd.DataFrame) -> str:
    needed = sample_size_per_arm(results["pass_rate_control"], results["uplift_points"] / 100)
    shown = {
        "uplift": [f"+{points:g}" for points in results["uplift_points"]],
        "passed, control": _of(results["n_passed_control"], results["n_control"]),
        "passed, treatment": _of(results["n_passed_treatment"], results["n_treatment"]),
        "difference": [None if np.isnan(value) else f"{100 * value:+.1f}" for value in results["difference"]],
        "Newcombe": _interval(results["newcombe_low"], results["newcombe_high"]),
        "bootstrap": _interval(results["bootstrap_low"], results["bootstrap_high"]),
        "p": _p_text(results["p_value"]),
        "p (Holm)": _p_text(results["p_value_holm"]),
        "needed per arm": [f"{value:,.0f}" if np.isfinite(value) else None for value in needed],
        "verdict": results["verdict"],
    }
    return markdown_table(pd.DataFrame(shown))


def _of(passed: pd.Series, n: pd.Series) -> list[str]:
    return [f"{some:,} of {every:,}" for some, every in zip(passed, n, strict=True)]


def _interval(low: pd.Series, high: pd.Series) -> list[str | None]:
    return [None if np.isnan(a) else f"{100 * a:+.1f} to {100 * b:+.1f}" for a, b in zip(low, high, strict=True)]


def _p_text(p_values: pd.Series) -> list[str | None]:
    return [None if np.isnan(value) else "below 0.0001" if value < 0.0001 else f"{value:.4f}" for value in p_values]


def _mean_risk(assignments: pd.DataFrame, arm: str) -> str:
    risk = assignments.loc[assignments["arm"] == arm, "risk_score"]
    return "none" if risk.empty else f"{risk.mean():.3f}"


def _nearest_pass_rate(known: pd.DataFrame, risk: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    rates = known["passed"].astype("float64").groupby(known["risk_score"]).agg(["sum", "size"])
    per_row = np.repeat((rates["sum"] / rates["size"]).to_numpy(), rates["size"])
    scores = np.repeat(rates.index.to_numpy(dtype="float64"), rates["size"])
    total = np.concatenate([[0.0], np.cumsum(per_row)])
    width = min(NEIGHBOURS, len(scores))
    middle = (np.searchsorted(scores, risk, side="left") + np.searchsorted(scores, risk, side="right")) // 2
    start = np.clip(middle - width // 2, 0, len(scores) - width)
    return np.clip((total[start + width] - total[start]) / width, 0, 1)


def _draws(students: pd.DataFrame, key: str) -> npt.NDArray[np.float64]:
    """One reproducible draw from 0 to 1 for each enrolment, by keyed hash: it depends on the key and the enrolment alone."""
    enrolments = zip(students["id_student"], students["code_module"], students["code_presentation"], strict=True)
    return np.array([_uniform(key, f"{student}|{module}|{code}") for student, module, code in enrolments], dtype="float64")


def _uniform(key: str, message: str) -> float:
    digest = hmac.digest(key.encode(), message.encode(), "sha256")
    return float((int.from_bytes(digest[:8], "big") >> 11) / 2**53)
