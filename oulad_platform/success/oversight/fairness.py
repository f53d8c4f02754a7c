"""Whether a model serves all groups of students alike: who is compared, with which measures, and what fails the gate.

Nothing is predicted here; gender, age, deprivation and disability are read to audit scores that were made without them.
ABROCA itself stands in `abroca`, the picture in `fairness_charts`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pandas as pd

from oulad_platform.core.stats import holm, newcombe, two_proportion_z
from oulad_platform.success.modelling.cohorts import RULE
from oulad_platform.success.oversight.abroca import abroca
from oulad_platform.success.oversight.tables import MODEL_FAIRNESS

ATTRIBUTES = ("gender", "age_band", "imd_band", "disability")
UNKNOWN = "unknown"
REST = "everybody else in the same modules"
CROSSED = " x "
SMALLEST_GROUP = 50
BUDGET = 0.10
AUDIT_DAYS = (28,)
HELD_OUT = "held_out"
TEST = ["model_version", "evaluation", "tested_cohort"]
ENROLMENT_KEY = ["code_module", "code_presentation", "id_student"]
ALPHA = 0.05
# The gate's limits lie beyond what a sound model that reads none of the four attributes gave on the training cohorts of OULAD
# (2013B tested on 2013J, and 2013J held out; days 15 to 57): significant shortfalls of the share reached up to .098 (IMD 80-90%),
# risks understated by up to .134 (men of the most deprived fifth), and no significant ABROCA. Closer limits would not open there.
HARM = {"abroca": 0.05, "tpr_gap": -0.10, "mean_risk_gap": -0.15}
SPOKEN = {
    "gender": {"F": "women", "M": "men"},
    "age_band": {"0-35": "under 35", "35-55": "35 to 55", "55<=": "55 or over"},
    "disability": {"N": "no disability declared", "Y": "disability declared"},
}
SUBJECTS = {"gender": "gender", "age_band": "age", "imd_band": "IMD", "disability": "disability"}
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


def model_fairness(scored: pd.DataFrame, student_info: pd.DataFrame, *, seed: int) -> pd.DataFrame:
    """The measures of every group, test (model version, evaluation, tested cohort) and day, as rows of `model_fairness`.

    `scored`: one row per test, enrolment and day with code_module, label, risk_score and known_from. `student_info` tells who
    belongs to a group: gender, age band, IMD band and disability, each two of them crossed, with 'unknown' for what is blank.
    IMD bands are joined to fifths where one of the tenths is too small to be shown, and always where crossed.
    Groups are left out when they or the rest are fewer than SMALLEST_GROUP, or the group has one outcome only.

    abroca: see `abroca`; its interval is absent. tpr_gap, fpr_gap: the share of those who failed or withdrew (who
    passed) among the BUDGET of the cohort with the highest risk on that day, over all modules, with Newcombe's interval and a
    pooled z-test. mean_risk_gap: mean risk minus observed rate, with Welch's normal interval. All gaps are group minus rest,
    the rest being those in modules where the group is. Holm's correction is over the groups of a test and day, each measure
    by itself. abroca_by_chance, without a p-value, is the 95th percentile of the ABROCA of random groups of the same size.

    Raises ValueError when a scored enrolment is not in `student_info`.
    """
    people = scored[ENROLMENT_KEY].merge(student_info[[*ENROLMENT_KEY, *ATTRIBUTES]], how="left", validate="m:1", indicator=True)
    strange = people[people["_merge"].ne("both")]
    if len(strange):
        first = " ".join(str(strange.iloc[0][name]) for name in ENROLMENT_KEY[:2])
        raise ValueError(f"{len(strange):,} scored rows, the first in {first}, are not in student_info; load the sources again")
    traits = people[list(ATTRIBUTES)].astype("str").fillna(UNKNOWN).set_axis(scored.index)
    found = []
    for (version, evaluation, cohort), rows in scored.groupby(TEST, sort=True):
        own = _banded(traits.loc[rows.index], rows["day"])
        for _, on_day in rows.groupby("day", sort=True):
            found.append(
                _measured(on_day, own.loc[on_day.index], seed).assign(
                    model_version=str(version),
                    evaluation=str(evaluation),
                    tested_cohort=str(cohort),
                    day=on_day["day"].iloc[0],
                    known_from=on_day["known_from"].max(),
                )
            )
    frame = pd.concat(found, ignore_index=True) if found else MODEL_FAIRNESS.empty()
    return MODEL_FAIRNESS.conform(frame)


def audited(
    tried: pd.DataFrame,
    held_out: pd.DataFrame,
    older: Mapping[str, Collection[str]],
    scores: Callable[[str, pd.DataFrame], Floats],
    days: Collection[int] = AUDIT_DAYS,
) -> pd.DataFrame:
    """The rows to audit, on `days`: trials on whole cohorts (TESTED_RISK), and students held out (HELD_OUT_RISK).

    The students held out come with their version's risk and, by `scores` (version, rows), with that of whoever may have to be
    replaced: the rule, and of each cohort the versions in `older` that were not tried on it.
    """
    own = held_out[held_out["day"].isin(days)].assign(evaluation=HELD_OUT)
    own["tested_cohort"] = own["code_presentation"]
    tried = tried.loc[tried["day"].isin(days), own.columns]
    frames = [tried, own]
    for cohort, rows in own.drop_duplicates([*ENROLMENT_KEY, "day"]).groupby("tested_cohort", sort=True):
        there = set(tried.loc[tried["tested_cohort"] == cohort, "model_version"])
        for version in (RULE, *sorted(set(older.get(str(cohort), ())) - there)):
            frames.append(rows.assign(model_version=version, risk_score=scores(version, rows)))
    return pd.concat(frames, ignore_index=True)


def headline(fairness: pd.DataFrame, test: Mapping[str, object]) -> pd.DataFrame:
    """Of MODEL_FAIRNESS, the rows of `test` (its model_version, evaluation and tested_cohort) on the first audited day."""
    rows = fairness[(fairness[TEST] == pd.Series({name: test[name] for name in TEST})).all(axis=1)]
    return rows[rows["day"] == rows["day"].min()]


def harms(fairness: pd.DataFrame) -> list[str]:
    """What rows of `model_fairness` say against a model: a sentence for each group and measure; none is good.

    A group is harmed where a figure is beyond its limit in HARM and significant after Holm's correction: the model ranks it
    (or everybody else) worse, those of it who go on to fail are reached less at the alert budget, or their risk is understated.
    A group that is reached more is not harmed. Of several days the worst is told. A frame without rows means that no group was
    large enough to be compared, which is no harm either: audit first.
    """
    harmed = fairness[is_harm(fairness)].assign(excess=lambda rows: rows["value"].abs())
    groups = harmed.sort_values("excess", ascending=False, kind="stable").groupby(
        [*TEST, "attribute", "group_name", "measure"], sort=False
    )
    return [_sentence(rows.iloc[0], sorted(rows["day"])) for _, rows in groups]


def fairness_gate(fairness: pd.DataFrame, before: pd.DataFrame) -> list[str]:
    """The `harms` that speak against putting a model in charge: those that the scorer it replaces does not do already.

    `before` holds that scorer's rows of `model_fairness` on the same cohort. A harm that it does as badly, in the same direction,
    is no reason to keep it.
    """
    same = ["tested_cohort", "day", "attribute", "group_name", "measure"]
    theirs = before[[*same, "value"]].drop_duplicates(same)
    rows = fairness.merge(theirs, on=same, how="left", suffixes=("", "_before"))
    as_bad = (rows["value_before"] * np.sign(rows["value"])) >= rows["value"].abs()
    return harms(rows[~as_bad])


def is_harm(fairness: pd.DataFrame) -> Flags:
    """Which rows of `model_fairness` are beyond their limit in HARM, and not by chance."""
    limit = fairness["measure"].map(HARM).to_numpy("float64", na_value=np.nan)
    beyond: Flags = np.sign(limit) * (fairness["value"].to_numpy() - limit) >= 0
    return beyond & (fairness["p_value_holm"].to_numpy() < ALPHA)


def spoken(attribute: str, group_name: str) -> str:
    """The group in words.

    >>> spoken("gender x imd_band", "F x 0-20%"), spoken("imd_band", "unknown")
    ('women, IMD 0-20%', 'IMD unknown')
    """
    pairs = zip(attribute.split(CROSSED), group_name.split(CROSSED), strict=True)
    return ", ".join(SPOKEN.get(name, {}).get(value, f"{SUBJECTS[name]} {value}") for name, value in pairs)


def _sentence(row: pd.Series, days: list[int]) -> str:
    points, budget = f"{100 * abs(row['value']):.1f} points", f"{BUDGET:.0%} budget"
    said = {
        "abroca": f"within modules the model ranks them and everybody else unlike, ABROCA {row['value']:.3f}",
        "tpr_gap": f"of those who failed or withdrew, a share {points} lower than elsewhere is reached at the {budget}",
        "mean_risk_gap": f"their risk is given {points} too low compared with everybody else's",
    }[row["measure"]]
    limit = abs(HARM[row["measure"]])
    others = f", as on {len(days) - 1} more of the days" if len(days) > 1 else ""
    return (
        f"{spoken(row['attribute'], row['group_name'])} ({row['n_students']:,} enrolments of {row['tested_cohort']}, "
        f"{row['evaluation']}): on day {row['day']} {said} (Holm p {row['p_value_holm']:.2g}; limit {limit:g})"
        f"{others}"
    )


def fifth(band: str) -> str:
    """The fifth that a tenth of the IMD lies in; anything else as it is.

    >>> fifth("10-20%"), fifth("unknown")
    ('0-20%', 'unknown')
    """
    low = band.split("-")[0]
    if not low.isdigit():
        return band
    start = int(low) // 20 * 20
    return f"{start}-{start + 20}%"


def _banded(traits: pd.DataFrame, day: pd.Series) -> pd.DataFrame:
    """The traits with `imd_fifth` beside, and `imd_band` in fifths where a tenth is too small on one of the days."""
    fifths = traits["imd_band"].map(fifth)
    smallest = traits.groupby([day, "imd_band"]).size().min()
    return traits.assign(imd_fifth=fifths, imd_band=fifths if smallest < SMALLEST_GROUP else traits["imd_band"])


def _groups(traits: pd.DataFrame) -> Iterator[tuple[str, str, Flags]]:
    """Attribute, name and members of every group, and of each two attributes crossed."""
    for attribute in ATTRIBUTES:
        for name in sorted(traits[attribute].unique()):
            yield attribute, name, traits[attribute].eq(name).to_numpy()
    fifths = traits.assign(imd_band=traits["imd_fifth"])
    for pair in combinations(ATTRIBUTES, 2):
        names = fifths[pair[0]] + CROSSED + fifths[pair[1]]
        for name in sorted(names.unique()):
            yield CROSSED.join(pair), name, names.eq(name).to_numpy()


def _measured(rows: pd.DataFrame, traits: pd.DataFrame, seed: int) -> pd.DataFrame:
    """The measures of one test and day, with p-values adjusted over its groups and measures."""
    positive, risk = rows["label"].eq(1).to_numpy(), rows["risk_score"].to_numpy("float64")
    module = (rows["code_module"] + rows["code_presentation"]).to_numpy()
    shown = [one for one in _groups(traits) if _may_be_shown(one[2], positive)]
    if not shown:
        return MODEL_FAIRNESS.empty()
    member = np.stack([one[2] for one in shown], axis=1)
    place = pd.factorize(module)[0]
    among = (np.eye(place.max() + 1, dtype=bool)[place].T.astype("int64") @ member > 0)[place]
    rest = among & ~member
    contacted = _contacted(rows, risk)
    value, p_value, chance = abroca(risk, positive, module, member, seed=seed, permutations=500, most_permutations=5_000)
    nothing = np.full(len(shown), np.nan)
    measures = {
        "abroca": (value, nothing, nothing, p_value),
        "abroca_by_chance": (chance, nothing, nothing, nothing),
        "tpr_gap": _share_gap(contacted & positive, positive, member, rest),
        "fpr_gap": _share_gap(contacted & ~positive, ~positive, member, rest),
        "mean_risk_gap": _mean_gap(risk - positive, member, rest),
    }
    groups = pd.DataFrame(
        {
            "attribute": [one[0] for one in shown],
            "group_name": [one[1] for one in shown],
            "reference_group": REST,
            "n_students": member.sum(axis=0),
            "n_positive": (member & positive[:, None]).sum(axis=0),
        }
    )
    return pd.concat(
        [
            groups.assign(measure=name, value=gap, low=low, high=high, p_value=p, p_value_holm=holm(p))
            for name, (gap, low, high, p) in measures.items()
        ],
        ignore_index=True,
    )


def _may_be_shown(member: Flags, positive: Flags) -> bool:
    size = int(member.sum())
    return min(size, len(member) - size) >= SMALLEST_GROUP and 0 < int((member & positive).sum()) < size


def _contacted(rows: pd.DataFrame, risk: Floats) -> Flags:
    """The BUDGET of the rows with the highest risk, at least one; ties by module, presentation and student."""
    order = rows[ENROLMENT_KEY].assign(risk=-risk, place=np.arange(len(rows))).sort_values(["risk", *ENROLMENT_KEY])["place"]
    contacted = np.zeros(len(rows), dtype=bool)
    contacted[order.to_numpy()[: max(1, round(BUDGET * len(rows)))]] = True
    return contacted


def _share_gap(hit: Flags, among: Flags, member: Flags, rest: Flags) -> tuple[Floats, Floats, Floats, Floats]:
    """The share hit of `among` in each group minus that in its rest, Newcombe's interval and the z-test's p."""
    counts = [(side & flags[:, None]).sum(axis=0) for side in (member, rest) for flags in (hit, among)]
    with np.errstate(invalid="ignore"):
        gap = counts[0] / counts[1] - counts[2] / counts[3]
    return gap, *newcombe(*counts), two_proportion_z(*counts)[1]


def _mean_gap(excess: Floats, member: Flags, rest: Flags) -> tuple[Floats, Floats, Floats, Floats]:
    """The mean of `excess` in each group minus that in its rest, Welch's normal interval and p."""
    from scipy.special import ndtr, ndtri

    sides = [np.where(side, excess[:, None], np.nan) for side in (member, rest)]
    gap = np.nanmean(sides[0], axis=0) - np.nanmean(sides[1], axis=0)
    variance = sum(np.nanvar(side, axis=0, ddof=1) / np.isfinite(side).sum(axis=0) for side in sides)
    error = np.sqrt(variance)
    half = ndtri(0.975) * error
    return gap, gap - half, gap + half, 2 * ndtr(-np.abs(gap) / error)
