"""The reasons an adviser reads: for every student the three strongest for and against, in sentences with their own figures.

A reason is a theme of the feature catalogue, such as last visit or activity: its features say the same thing in other ways, so
their pushes are added and the strongest one speaks. Features that are protected, or not to be told, never speak.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
import pandas as pd

from oulad_platform.success.explanation.pushes import pushes
from oulad_platform.success.features.catalogue import CATALOGUE
from oulad_platform.success.features.feature import Feature
from oulad_platform.success.model_tables import RISK_REASONS
from oulad_platform.success.modelling.model import RiskModel, in_charge

REASONS = 3
SMALLEST_PUSH = 0.05  # log-odds: at most 1.25 points of risk
ROWS_AT_ONCE = 50_000
KEY = ["run_date", "code_module", "code_presentation", "id_student"]
ONE_OF_MANY = re.compile(r"(?<![\d.,])1 ((?!of |to |and )[a-z]+ )?(assessment|attempt|click|credit|day|module|visit|week)s\b")
FORMAT = re.compile(r"{value:\.(\d)([f%])}")
NAME = "\0"  # a module's own name is no part of the grammar
MINUS_ZERO = re.compile(r"-(?=0(\.0+)?(?![\d.]))")


def risk_reasons(models: Mapping[str, RiskModel], champions: pd.DataFrame, features: pd.DataFrame) -> pd.DataFrame:
    """The rows of `risk_reasons` for each row of `features` that a model scores by `champions`; days of the rule have none.

    `features` holds all live enrolments of its presentations and days, since usual is their median. A theme has at most one
    place, up or down, by the sum of its told features' pushes; a sum up to SMALLEST_PUSH is no reason, so a student may have
    fewer than REASONS. An absent value is something that has not happened: where the catalogue has a sentence for it, it may
    raise the risk, and it never speaks for the student. Raises ModelError as `in_charge` does, ExplanationError as `pushes` does.
    """
    told = [feature.name for feature in CATALOGUE if _is_told(feature)]
    features = features.reset_index(drop=True)
    usual = features.groupby(KEY[:3], sort=False)[told].transform("median")
    frames = [RISK_REASONS.empty()]
    for model, own in in_charge(models, champions, features):
        if model is None:
            continue
        rows = features[own]
        for first in range(0, len(rows), ROWS_AT_ONCE):
            part = rows.iloc[first : first + ROWS_AT_ONCE]
            frames.append(_reasons(model, part, usual.loc[part.index]))
    return RISK_REASONS.conform(pd.concat(frames, ignore_index=True))


def sentence(feature: Feature, value: float, usual: float, module: str) -> str:
    """The feature as an adviser reads it, with the student's value and the usual one; either may be NaN.

    >>> words = "no visit for {value:.0f} days; most in {module} visited {usual:.0f} days ago"
    >>> visit = Feature("days_since_last_visit", "", "days", words, "never came")
    >>> sentence(visit, 12, 1, "BBB"), sentence(visit, float("nan"), 1, "BBB")
    ('no visit for 12 days; most in BBB visited 1 day ago', 'never came')
    >>> rank = Feature("rank", "", "share", "more than {value:.0%}", below="fewer than {value:.0%}", turn=0.5)
    >>> sentence(rank, 0.9, 0.5, "BBB"), sentence(rank, 0.1, 0.5, "BBB")
    ('more than 90%', 'fewer than 90%')
    """
    template = feature.absent if np.isnan(value) else feature.sentence
    if feature.below and value < feature.turn:
        template, value = feature.below, 2 * feature.turn - value
    if np.isnan(usual) or abs(value - usual) < _least(feature):
        template = template.partition("; ")[0]
    text = template.format(value=value, usual=usual, module=NAME)
    return MINUS_ZERO.sub("", ONE_OF_MANY.sub(r"1 \1\2", text)).replace(NAME, module)


def _is_told(feature: Feature) -> bool:
    return feature.told and not feature.protected


def _least(feature: Feature) -> float:
    """How far a figure must lie from another one to be shown as another: "0 points above" says nothing."""
    shown = FORMAT.search(feature.sentence)
    return 0.5 * 10.0 ** -(int(shown[1]) + (2 if shown[2] == "%" else 0)) if shown else 0.0


def _reasons(model: RiskModel, features: pd.DataFrame, usual: pd.DataFrame) -> pd.DataFrame:
    told = [feature for feature in CATALOGUE if _is_told(feature) and feature.name in model.features]
    names = [feature.name for feature in told]
    values, medians = features[names].to_numpy("float64"), usual[names].to_numpy("float64")
    push = pushes(model, features).by_feature[:, [model.features.index(name) for name in names]]
    push[np.isnan(values) & ((push < 0) | [not feature.absent for feature in told])] = 0.0
    says_nothing = np.abs(values - [feature.turn for feature in told]) < [
        _least(feature) * bool(feature.below) for feature in told
    ]
    themes, theme = np.unique([feature.theme or feature.name for feature in told], return_inverse=True)
    of_theme = push @ np.eye(len(themes))[theme]
    modules = features["code_module"].to_numpy()
    frames = []
    for direction, sign in (("raises", 1), ("lowers", -1)):
        strongest = np.argsort(-sign * of_theme, axis=1, kind="stable")[:, :REASONS]
        for rank, chosen in enumerate(strongest.T):
            total = np.take_along_axis(of_theme, chosen[:, None], axis=1)[:, 0]
            voices = np.where((theme == chosen[:, None]) & ~says_nothing, sign * push, -np.inf)
            row = np.flatnonzero((sign * total > SMALLEST_PUSH) & (voices.max(axis=1) > 0))
            column = voices[row].argmax(axis=1)
            value, median = values[row, column], medians[row, column]
            frames.append(
                features[KEY]
                .iloc[row]
                .assign(
                    direction=direction,
                    rank=rank + 1,
                    feature=np.array(names, dtype=object)[column],
                    feature_value=value,
                    usual_value=median,
                    push=total[row],
                    sentence=[sentence(told[c], v, u, m) for c, v, u, m in zip(column, value, median, modules[row], strict=True)],
                    model_version=model.version,
                )
            )
    return pd.concat(frames, ignore_index=True)
