"""How good a ranking of enrolments by risk is: figures with bootstrap intervals, for models and for the rules to beat.

Of arrays only; which rows are tested is decided in `protocol`. What is undefined (one class, nobody flagged) is NaN, never 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from oulad_platform.core.stats import wilson

BUDGETS = {"5_pct": 0.05, "10_pct": 0.10, "20_pct": 0.20}
HEADLINE_BUDGET = BUDGETS["10_pct"]
N_BINS = 10
CUT = 0.5
CONFUSION = (("true_negatives", "false_positives"), ("false_negatives", "true_positives"))
RESAMPLES = 1000
CELLS = 100_000  # resamples x enrolments at a time: what a processor cache holds
TAIL = 0.025
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Interval = tuple[float, float, float]
NO_INTERVAL = (np.nan, np.nan)


def figures(
    label: Floats, risks: Mapping[str, Floats], flagged: Mapping[str, Flags], *, seed: int, resamples: int = RESAMPLES
) -> dict[str, dict[str, Interval]]:
    """Figures of models and rules on the same enrolments: metric -> (value, low, high), by model and by rule.

    `label` is 0.0 or 1.0 for each enrolment, at least one; `risks` each model's probabilities; `flagged` says by rule whom it
    would contact. Equal risks count as if drawn in random order. Low and high bound the 95 % interval of `resamples` bootstrap
    resamples of the enrolments, the same ones for every model and rule, so differences are paired; NaN for counts and
    descriptions. Of models: auc, pr_auc (average precision), brier, ece (N_BINS equal-count bins), precision_at_*, recall_at_*
    and ceiling_recall_at_* for each of BUDGETS, precision_at_RULE_budget and precision_gain_over_RULE when as many are contacted
    as the rule flags, precision_at_0_5, recall_at_0_5 and the counts of CONFUSION, mean_risk, base_rate. Of rules: auc (of
    flagged or not), precision, recall, n_flagged, base_rate.
    """
    rankings = {name: Ranking.of(label, risk) for name, risk in risks.items()}
    observed = _measured(rankings, label, flagged, np.ones((1, len(label))))
    blocks = [_measured(rankings, label, flagged, weights) for weights in resamples_of(len(label), seed, resamples)]
    described = {name: _described(label, risk) for name, risk in risks.items()}
    described |= {name: {"n_flagged": float(flags.sum()), "base_rate": float(label.mean())} for name, flags in flagged.items()}
    found = {
        name: _intervals(values, [block[name] for block in blocks])
        | {metric: (value, *NO_INTERVAL) for metric, value in described[name].items()}
        for name, values in observed.items()
    }
    for name, risk in risks.items():
        found[name]["ece"] = _error_interval(found[name]["ece"], _error_by_chance(risk, seed))
    return found


def calibration_bins(label: Floats, risk: Floats) -> pd.DataFrame:
    """Tenths of the enrolments by risk (bin 1 = lowest, fewer bins below ten enrolments): bin, mean_risk, observed_rate with its
    95 % Wilson interval (low, high), n_students. Equal risks stay in the order given.
    """
    parts = np.array_split(np.argsort(risk, kind="stable"), min(N_BINS, len(risk)))
    n = np.array([len(rows) for rows in parts])
    positives = np.array([label[rows].sum() for rows in parts])
    low, high = wilson(positives, n)
    means = np.array([risk[rows].mean() for rows in parts])
    bins = {"bin": np.arange(1, len(n) + 1), "mean_risk": means, "observed_rate": positives / n, "low": low, "high": high}
    return pd.DataFrame({**bins, "n_students": n})


def calibration_error(label: Floats, risk: Floats) -> float:
    """Expected calibration error over N_BINS equal-count bins of at least one enrolment; equal risks share bins evenly."""
    ranking = Ranking.of(label, risk)
    count, positive = ranking.counted(np.ones((1, len(label))))
    counts, excess = np.cumsum(count, axis=1), np.cumsum(count * ranking.distinct - positive, axis=1)
    return float(_bin_error(counts, excess, len(label))[0])


def budget(share: float, n: int) -> int:
    """How many of n can be contacted with a share of them: at least one."""
    return max(1, round(share * n))


def resamples_of(n: int, seed: int, resamples: int = RESAMPLES) -> Iterator[Floats]:
    """How often each of n enrolments is drawn, with replacement, n draws a resample: blocks [resamples, n] of about CELLS."""
    random = np.random.default_rng(seed)
    block = max(1, CELLS // n)
    for start in range(0, resamples, block):
        rows = min(block, resamples - start)
        drawn = random.integers(0, n, (rows, n)) + np.arange(0, rows * n, n)[:, None]
        yield np.bincount(drawn.ravel(), minlength=rows * n).reshape(rows, n).astype("float64")


@dataclass(frozen=True)
class Ranking:
    """Enrolments by descending risk: `order` are their places in `label` and `risk`, `starts` where another risk begins."""

    label: Floats
    risk: Floats
    order: npt.NDArray[np.int64]
    starts: npt.NDArray[np.int64]

    @classmethod
    def of(cls, label: Floats, risk: Floats) -> Ranking:
        order = np.argsort(-risk, kind="stable")
        ordered = risk[order]
        return cls(label, risk, order, np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]])))

    def auc(self, weights: Floats) -> Floats:
        """The AUC for each row of `weights`, equal risks counting one half; NaN where nobody of one outcome counts."""
        count, positive = self.counted(weights)
        with np.errstate(divide="ignore", invalid="ignore"):
            return _auc(count, positive, np.cumsum(positive, axis=1))

    def measured(self, weights: Floats, rules: Mapping[str, tuple[Floats, Floats]]) -> dict[str, Floats]:
        """The figures that get an interval, one value for each row of `weights`, which says how often each enrolment counts.

        `rules`: how many each flags, and how many of these did not succeed, for each row.
        """
        n = weights.shape[1]
        count, positive = self.counted(weights)
        counts, positives, risks = (np.cumsum(rows, axis=1) for rows in (count, positive, count * self.distinct))
        all_positive = positives[:, -1]
        measured = {
            "auc": _auc(count, positive, positives),
            "pr_auc": _dot(positive, positives / np.maximum(counts, 1)) / all_positive,
            "brier": _times(weights, (self.risk - self.label) ** 2) / n,
            "ece": _bin_error(counts, risks - positives, n),
        }
        contacted = np.array([budget(share, n) for share in BUDGETS.values()], dtype="float64")
        found = _among_first(counts, positives, np.tile(contacted, (len(weights), 1)))
        for place, name in enumerate(BUDGETS):
            measured[f"precision_at_{name}"] = found[:, place] / contacted[place]
            measured[f"recall_at_{name}"] = found[:, place] / all_positive
        for name, (n_flagged, hits) in rules.items():
            by_model = _among_first(counts, positives, n_flagged[:, None])[:, 0]
            measured[f"precision_at_{name}_budget"] = by_model / n_flagged
            measured[f"precision_gain_over_{name}"] = (by_model - hits) / n_flagged
        return measured

    @property
    def distinct(self) -> Floats:
        """The distinct risks, highest first."""
        return self.risk[self.order[self.starts]]

    def counted(self, weights: Floats) -> tuple[Floats, Floats]:
        """How many count at each distinct risk, and how many of these did not succeed."""
        weight = weights.take(self.order, axis=1)
        return self._by_risk(weight), self._by_risk(weight * self.label[self.order])

    def _by_risk(self, rows: Floats) -> Floats:
        """Sums over enrolments of equal risk."""
        return rows if len(self.starts) == rows.shape[1] else np.add.reduceat(rows, self.starts, axis=1)


def _auc(count: Floats, positive: Floats, positives: Floats) -> Floats:
    """The AUC from enrolments and positives at each distinct risk, highest first, and the running total of the latter."""
    n_positive = positives[:, -1]
    return _dot(count - positive, positives - positive / 2) / (n_positive * (count.sum(axis=1) - n_positive))


def _among_first(counts: Floats, totals: Floats, first: Floats) -> Floats:
    """How much of a running total lies among the `first` [resamples, k] enrolments; equal risks share evenly.

    `counts` and `totals` [resamples, distinct risks] are running totals down the ranking, of enrolments and of what is asked for.
    """
    place = np.stack([row.searchsorted(wanted) for row, wanted in zip(counts, first, strict=True)])
    place = np.minimum(place, counts.shape[1] - 1)
    before = np.maximum(place - 1, 0)
    has_before = place > 0
    count_before, total_before = (np.take_along_axis(rows, before, axis=1) * has_before for rows in (counts, totals))
    count, total = (np.take_along_axis(rows, place, axis=1) for rows in (counts, totals))
    inside = np.divide(first - count_before, count - count_before, out=np.zeros_like(first), where=count > count_before)
    return total_before + inside * (total - total_before)


def _bin_error(counts: Floats, excess: Floats, n: int) -> Floats:
    """Expected calibration error over N_BINS equal-count bins, from running totals of enrolments and of risk minus label."""
    sizes = np.full(N_BINS, n // N_BINS) + (np.arange(N_BINS) < n % N_BINS)
    ends = np.tile(np.cumsum(sizes).astype("float64"), (len(counts), 1))
    return np.abs(np.diff(_among_first(counts, excess, ends), axis=1, prepend=0.0)).sum(axis=1) / n


def _dot(left: Floats, right: Floats) -> Floats:
    """Row by row; without the BLAS, whose threads spin while a neighbour works."""
    product: Floats = np.einsum("rn,rn->r", left, right)
    return product


def _times(weights: Floats, column: npt.NDArray[np.generic]) -> Floats:
    product: Floats = np.einsum("rn,n->r", weights, column.astype("float64"))
    return product


def _measured(
    rankings: Mapping[str, Ranking], label: Floats, flagged: Mapping[str, Flags], weights: Floats
) -> dict[str, dict[str, Floats]]:
    """By model and by rule, the figures that get an interval, one value for each row of `weights`; undefined ones are NaN."""
    n, positives = weights.shape[1], _times(weights, label)
    rules = {name: (_times(weights, flags), _times(weights, flags * label)) for name, flags in flagged.items()}
    with np.errstate(divide="ignore", invalid="ignore"):
        measured = {name: one.measured(weights, rules) for name, one in rankings.items()}
        for name, (n_flagged, hits) in rules.items():
            recall, false_alarms = hits / positives, (n_flagged - hits) / (n - positives)
            measured[name] = {"auc": (1 + recall - false_alarms) / 2, "precision": hits / n_flagged, "recall": recall}
    return measured


def _described(label: Floats, risk: Floats) -> dict[str, float]:
    """The figures without an interval."""
    flagged, true, nan = risk >= CUT, label == 1, float("nan")
    tp, fp, fn, tn = (int(rows.sum()) for rows in (flagged & true, flagged & ~true, ~flagged & true, ~flagged & ~true))
    ceilings = {
        f"ceiling_recall_at_{name}": min(1.0, budget(share, len(label)) / float(true.sum())) if true.any() else nan
        for name, share in BUDGETS.items()
    }
    return {
        **ceilings,
        "precision_at_0_5": tp / (tp + fp) if flagged.any() else nan,
        "recall_at_0_5": tp / (tp + fn) if true.any() else nan,
        **dict(zip(CONFUSION[0] + CONFUSION[1], map(float, (tn, fp, fn, tp)), strict=True)),
        "mean_risk": float(risk.mean()),
        "base_rate": float(label.mean()),
    }


def _intervals(observed: Mapping[str, Floats], drawn: Sequence[Mapping[str, Floats]]) -> dict[str, Interval]:
    """The observed value of each metric and its percentile interval over the resamples in which it is defined."""
    found = {}
    for metric, value in observed.items():
        values = np.concatenate([block[metric] for block in drawn])
        values = values[~np.isnan(values)]
        bounded = len(values) and not np.isnan(value[0])
        low, high = np.quantile(values, [TAIL, 1 - TAIL]) if bounded else NO_INTERVAL
        found[metric] = (float(value[0]), float(low), float(high))
    return found


def _error_interval(interval: Interval, by_chance: float) -> Interval:
    """The calibration error with an interval for the true one, which noise only raises, in a resample even more.

    It reaches up to the percentile bootstrap's upper end and down to the basic bootstrap's lower one, twice the value minus the
    upper percentile (Efron and Tibshirani 1993, 13.4); to 0 where perfectly calibrated risks would show as much by chance.
    """
    value, _, upper = interval
    high = max(upper, value)
    return value, 0.0 if value <= by_chance else max(0.0, 2 * value - high), high


def _error_by_chance(risk: Floats, seed: int) -> float:
    """The calibration error that perfectly calibrated risks stay below in 97.5 % of samples, by the normal law of each bin.

    Source: consistency bars, Broecker and Smith, Weather and Forecasting 22:651 (2007).
    """
    bins = np.array_split(np.sort(risk), N_BINS)
    spread = np.sqrt([np.sum(own * (1 - own)) for own in bins]) / len(risk)
    errors = np.abs(np.random.default_rng(seed).normal(size=(RESAMPLES, N_BINS)) * spread).sum(axis=1)
    return float(np.quantile(errors, 1 - TAIL))
