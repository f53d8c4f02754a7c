"""Tests of success.evaluation.figures: against hand counts, scikit-learn, repeated rows, and the truth of simulated cohorts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oulad_platform.success.evaluation import figures as module
from oulad_platform.success.evaluation.figures import CELLS, Ranking, calibration_bins, calibration_error, figures, resamples_of

LABEL = np.array([1, 1, 0, 1, 0, 1, 0, 0, 0, 0], dtype=float)
RISK = np.array([0.95, 0.9, 0.8, 0.7, 0.6, 0.4, 0.3, 0.2, 0.1, 0.05])
FLAGGED = np.array([1, 0, 1, 0, 0, 1, 0, 0, 0, 0], dtype=bool)


def values(label, risk, flagged=None, resamples=1):
    found = figures(label, {"model": risk}, flagged or {}, seed=1, resamples=resamples)
    return {name: {metric: value for metric, (value, _, _) in of.items()} for name, of in found.items()}


def test_the_figures_of_ten_students_equal_those_counted_by_hand():
    assert values(LABEL, RISK, {"missed": FLAGGED}) == {
        "model": pytest.approx(
            {
                "auc": 21 / 24,
                "pr_auc": (1 + 1 + 3 / 4 + 4 / 6) / 4,
                "brier": 0.1605,
                "ece": 0.31,
                "base_rate": 0.4,
                "mean_risk": 0.5,
                "precision_at_5_pct": 1.0,
                "recall_at_5_pct": 0.25,
                "ceiling_recall_at_5_pct": 0.25,
                "precision_at_10_pct": 1.0,
                "recall_at_10_pct": 0.25,
                "ceiling_recall_at_10_pct": 0.25,
                "precision_at_20_pct": 1.0,
                "recall_at_20_pct": 0.5,
                "ceiling_recall_at_20_pct": 0.5,
                "precision_at_missed_budget": 2 / 3,
                "precision_gain_over_missed": 0.0,
                "precision_at_0_5": 0.6,
                "recall_at_0_5": 0.75,
                "true_negatives": 4,
                "false_positives": 2,
                "false_negatives": 1,
                "true_positives": 3,
            }
        ),
        "missed": pytest.approx(
            {"auc": (2 / 4 + 5 / 6) / 2, "precision": 2 / 3, "recall": 0.5, "n_flagged": 3, "base_rate": 0.4}
        ),
    }


def test_what_cannot_be_computed_is_absent_and_never_zero():
    nobody = {"missed": np.zeros(4, dtype=bool)}
    found = figures(np.zeros(4), {"model": np.array([0.1, 0.2, 0.3, 0.4])}, nobody, seed=1, resamples=5)
    assert {name for name, value in found["model"].items() if np.isnan(value[0])} == {
        "auc",
        "pr_auc",
        *(f"{kind}recall_at_{budget}_pct" for kind in ("", "ceiling_") for budget in (5, 10, 20)),
        "precision_at_missed_budget",
        "precision_gain_over_missed",
        "precision_at_0_5",
        "recall_at_0_5",
    }
    assert np.isnan(found["model"]["auc"]).all()
    assert {name for name, value in found["missed"].items() if np.isnan(value[0])} == {"auc", "precision", "recall"}


labelled = st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=2, max_size=30).filter(
    lambda rows: len({label for label, _ in rows}) == 2
)


@given(labelled)
def test_ranking_figures_equal_those_of_scikit_learn_with_ties_too(rows):
    from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

    label, risk = np.array([row[0] for row in rows], dtype=float), np.array([row[1] / 6 for row in rows])
    found = values(label, risk)["model"]
    assert found["auc"] == pytest.approx(roc_auc_score(label, risk))
    assert found["pr_auc"] == pytest.approx(average_precision_score(label, risk))
    assert found["brier"] == pytest.approx(brier_score_loss(label, risk))


@given(labelled, st.data())
def test_a_resample_has_the_figures_of_its_rows_written_out(rows, data):
    label, risk = np.array([row[0] for row in rows], dtype=float), np.array([row[1] / 6 for row in rows])
    drawn = np.array(data.draw(st.lists(st.integers(0, len(rows) - 1), min_size=len(rows), max_size=len(rows))))
    flagged = {"missed": label + risk > 0.7}
    with pytest.MonkeyPatch.context() as patch:
        weights = np.bincount(drawn, minlength=len(rows)).astype(float)[None, :]
        patch.setattr(module, "resamples_of", lambda *_: [weights])
        found = figures(label, {"model": risk}, flagged, seed=1)
    written = values(label[drawn], risk[drawn], {"missed": flagged["missed"][drawn]})
    for scorer in ("model", "missed"):
        for metric, (value, low, high) in found[scorer].items():
            if not np.isnan(high):
                expected = written[scorer][metric]
                assert high == pytest.approx(max(expected, value) if metric == "ece" else expected, abs=1e-12)
                assert low == pytest.approx(high, abs=1e-12) or metric == "ece"


def test_equal_risks_count_as_if_drawn_in_random_order():
    found = values(np.array([1.0] * 5 + [0.0] * 15), np.full(20, 0.3))["model"]
    assert (found["precision_at_10_pct"], found["recall_at_20_pct"], found["auc"]) == pytest.approx((0.25, 0.2, 0.5))
    assert found["ece"] == pytest.approx(0.05)


def test_the_weighted_auc_is_that_of_scikit_learn_with_ties_and_absent_enrolments():
    from sklearn.metrics import roc_auc_score

    random = np.random.default_rng(5)
    risk, label = random.integers(0, 6, 60) / 5, random.integers(0, 2, 60).astype("float64")
    weights = random.integers(0, 4, (8, 60)).astype("float64")
    found = Ranking.of(label, risk).auc(weights)
    assert found == pytest.approx([roc_auc_score(label, risk, sample_weight=row) for row in weights])
    assert np.isnan(Ranking.of(label, risk).auc(np.stack([label, 1 - label]))).all()


def test_the_calibration_error_is_the_weighted_distance_of_ten_bins():
    risk = np.repeat(np.arange(1, 11) / 20, 10)  # .05 to .5; of the lowest ten, five did not succeed: off by .45
    assert calibration_error(np.array([1.0] * 5 + [0.0] * 95), risk) == pytest.approx(0.315)


@given(labelled, st.randoms(use_true_random=False))
def test_the_calibration_error_does_not_depend_on_the_order_of_rows(rows, random):
    shuffled = random.sample(rows, len(rows))
    found = [calibration_error(*np.array([(label, risk / 6) for label, risk in one], dtype=float).T) for one in (rows, shuffled)]
    assert found[0] == pytest.approx(found[1], abs=1e-12)
    assert found[0] == pytest.approx(
        values(*np.array([(label, risk / 6) for label, risk in rows], dtype=float).T)["model"]["ece"]
    )


def test_the_gain_over_a_rule_is_paired_so_a_model_that_is_the_rule_gains_exactly_nothing():
    found = figures(LABEL, {"model": FLAGGED.astype(float)}, {"missed": FLAGGED}, seed=1, resamples=50)
    assert found["model"]["precision_gain_over_missed"] == (0.0, 0.0, 0.0)


def test_every_resample_draws_as_many_as_there_are_and_memory_is_bounded():
    blocks = list(resamples_of(7_000, 3, 100))
    assert sum(len(block) for block in blocks) == 100
    assert {float(total) for block in blocks for total in block.sum(axis=1)} == {7_000.0}
    assert max(block.size for block in blocks) <= CELLS
    again = list(resamples_of(7_000, 3, 100))
    assert all((one == other).all() for one, other in zip(blocks, again, strict=True))
    assert [block.shape for block in resamples_of(2 * CELLS, 3, 2)] == [(1, 2 * CELLS), (1, 2 * CELLS)]


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    from scipy.stats import norm

    random, n, runs = np.random.default_rng(5), 400, 150
    covered = {"auc": 0, "brier": 0, "calibrated": 0, "off by a tenth": 0}
    for run in range(runs):
        label = (random.random(n) < 0.4).astype(float)
        mark = random.normal(size=n) + label
        risk = 0.4 * norm.pdf(mark - 1) / (0.4 * norm.pdf(mark - 1) + 0.6 * norm.pdf(mark))
        found = figures(label, {"right": risk, "high": 0.9 * risk + 0.1}, {}, seed=run, resamples=150)
        auc, brier, ece, off = *(found["right"][metric] for metric in ("auc", "brier", "ece")), found["high"]["ece"]
        covered["auc"] += auc[1] <= norm.cdf(1 / np.sqrt(2)) <= auc[2]
        covered["brier"] += brier[1] <= 0.19219 <= brier[2]
        covered["calibrated"] += ece[1] == 0
        covered["off by a tenth"] += off[1] <= 0.06 <= off[2]
    shares = {name: count / runs for name, count in covered.items()}
    assert 0.89 <= shares["auc"] <= 0.99
    assert 0.89 <= shares["brier"] <= 0.99
    assert shares["calibrated"] >= 0.9
    assert shares["off by a tenth"] >= 0.9


def test_calibration_bins_are_tenths_with_wilson_intervals():
    bins = calibration_bins(np.tile([0.0, 0.0, 1.0, 0.0], 25), np.linspace(0, 0.99, 100))
    assert bins["n_students"].tolist() == [10] * 10
    assert bins["mean_risk"].iloc[[0, 9]].tolist() == pytest.approx([0.045, 0.945])
    assert bins.loc[0, ["observed_rate", "low", "high"]].tolist() == pytest.approx([0.2, 0.0567, 0.5098], abs=1e-4)
    assert calibration_bins(np.ones(3), np.array([0.3, 0.2, 0.1]))["bin"].tolist() == [1, 2, 3]
