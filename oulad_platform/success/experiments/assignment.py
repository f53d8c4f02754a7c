"""Who is in which arm: a keyed hash within strata, the same whoever computes it, and as likely to be either arm.

The draw of a live experiment, and what is written down before it, is in `design`; outcomes are not here.
"""

from __future__ import annotations

import hmac

import numpy as np
import numpy.typing as npt
import pandas as pd

from oulad_platform.success.experiments.tables import ARMS, EXPERIMENT_ASSIGNMENTS

TENTHS = np.array([f"{low / 10:.1f}-{(low + 1) / 10:.1f}" for low in range(10)])


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
    keyed = risk.assign(draw=draws(risk, f"{seed}:{experiment_id}:arm"))
    ranked = keyed.sort_values(["risk_score", "draw"], ascending=[False, True]).drop_duplicates("id_student")
    chosen = ranked.head(top_k)
    chosen = chosen.assign(stratum=strata(chosen)).sort_values(["stratum", "draw"])
    first = int(uniform(f"{seed}:{experiment_id}", "first arm") < 0.5)
    turns = (np.arange(len(chosen)) + first) % 2
    chosen = chosen.assign(experiment_id=experiment_id, assigned_date=chosen["run_date"], arm=np.array(ARMS)[turns])
    return EXPERIMENT_ASSIGNMENTS.conform(chosen[EXPERIMENT_ASSIGNMENTS.names])


def draw_in_strata(students: pd.DataFrame, key: str) -> npt.NDArray[np.str_]:
    """The arm of each row of `students` (an enrolment each, with its stratum), by turns within the stratum.

    In every stratum the arms differ by one at most, and which arm begins is drawn for each stratum: whoever is added to one
    stratum changes nothing in the others.
    """
    ordered = students[["stratum"]].assign(draw=draws(students, f"{key}:arm"), place=np.arange(len(students)))
    ordered = ordered.sort_values(["stratum", "draw"])
    first = ordered["stratum"].map({name: int(uniform(f"{key}:first arm", name) < 0.5) for name in ordered["stratum"].unique()})
    turns = ((ordered.groupby("stratum").cumcount() + first) % 2).to_numpy(dtype="int64")
    arms = np.empty(len(ordered), dtype="int64")
    arms[ordered["place"].to_numpy()] = turns
    return np.array(ARMS)[arms]


def strata(students: pd.DataFrame) -> pd.Series:
    """Module and tenth of risk of each row (code_module, risk_score), such as `AAA 0.6-0.7`; indexed like the input."""
    tenth = np.minimum(students["risk_score"].to_numpy() * 10, 9).astype("int64")
    return students["code_module"] + " " + pd.Series(TENTHS[tenth], index=students.index, dtype="str")


def draws(students: pd.DataFrame, key: str) -> npt.NDArray[np.float64]:
    """One reproducible draw from 0 to 1 for each enrolment, by keyed hash: it depends on the key and the enrolment alone."""
    enrolments = zip(students["id_student"], students["code_module"], students["code_presentation"], strict=True)
    return np.array([uniform(key, f"{student}|{module}|{code}") for student, module, code in enrolments], dtype="float64")


def uniform(key: str, message: str) -> float:
    """A number from 0 to 1 (below 1) that only key and message decide."""
    digest = hmac.digest(key.encode(), message.encode(), "sha256")
    return float((int.from_bytes(digest[:8], "big") >> 11) / 2**53)
