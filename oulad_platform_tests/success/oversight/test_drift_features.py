"""Tests of success.oversight.drift_features: PSI and Kolmogorov-Smirnov against literals and scipy, and the reference."""

from __future__ import annotations

from datetime import date, timedelta
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oulad_platform.core.checks import check_frame
from oulad_platform.success.oversight.drift_features import Reference, compare, distribution, feature_drift, psi
from oulad_platform.success.oversight.tables import FEATURE_DRIFT

START = date(2014, 2, 1)
MODEL = SimpleNamespace(presentations=("2013B",), features=("clicks",))


def reference(values: np.ndarray) -> Reference:
    return Reference("AAA", 7, len(values), {"clicks": distribution(values, np.arange(len(values)) % 2.0)})


def part(values: np.ndarray, day: int, module: str = "AAA", code: str = "2013B") -> pd.DataFrame:
    n = len(values)
    keys = {"code_module": module, "code_presentation": code, "day": day, "label": (np.arange(n) % 2).astype("int8")}
    return pd.DataFrame({"id_student": np.arange(n), "clicks": values.astype("float32")}).assign(**keys)


def runs(*rows: tuple[str, int, str]) -> pd.DataFrame:
    """Rows of module, course day and model version, of 2014B."""
    frame = pd.DataFrame(rows, columns=["code_module", "day", "model_version"]).assign(code_presentation="2014B")
    return frame.assign(run_date=pd.to_datetime([START + timedelta(days=day) for _, day, _ in rows]).as_unit("us"))


def features(values: np.ndarray, day: int, module: str = "AAA") -> dict[date, pd.DataFrame]:
    return {START + timedelta(days=day): part(values, day, module, "2014B")}


@pytest.mark.fault("D13")
def test_psi_over_tenths_is_the_textbook_sum():
    learnt = distribution(np.arange(1000.0), np.arange(1000) % 2.0)
    moved = np.concatenate([np.arange(0.0, 500), np.arange(0.0, 500)])
    now, then = np.array([200.5] * 5 + [0.5] * 5) / 1005, np.full(10, 100.5) / 1005
    assert psi(learnt, np.sort(moved), 0) == pytest.approx(float(((now - then) * np.log(now / then)).sum()))
    assert psi(learnt, np.sort(moved), 0) == pytest.approx(2.98, abs=0.02)


def test_repeated_values_share_a_bin_and_the_absent_are_a_bin_of_their_own():
    values = np.array([0.0] * 700 + [1.0] * 200 + [5.0] * 100 + [np.nan] * 1000)
    learnt = distribution(values, np.arange(2000) % 2.0)
    assert learnt.edges.tolist() == [0.0, 1.0]
    assert (learnt.n_present, learnt.n_missing) == (1000, 1000)
    assert psi(learnt, values[:1000], 1000) == 0
    assert psi(learnt, values[:1000], 0) > 1


@pytest.mark.fault("D13")
def test_a_feature_that_one_side_lacks_altogether_has_a_psi_and_no_distance():
    found = compare(reference(np.full(300, np.nan)), pd.DataFrame({"clicks": np.arange(300.0)})).iloc[0]
    assert found["psi"] > 5
    assert np.isnan(found["ks"])
    assert np.isnan(found["ks_p_value"])
    assert (found["missing_rate"], found["missing_rate_reference"]) == (0, 1)


def test_without_drift_psi_is_about_bins_less_one_over_the_sizes():
    random = np.random.default_rng(1)
    found = [psi(distribution(random.random(400), np.arange(400) % 2.0), np.sort(random.random(200)), 0) for _ in range(300)]
    assert np.mean(found) == pytest.approx(9 * (1 / 400 + 1 / 200), rel=0.12)


@given(
    st.lists(st.integers(0, 6) | st.just(None), min_size=1, max_size=40),
    st.lists(st.integers(0, 6) | st.just(None), min_size=1, max_size=40),
)
def test_the_distance_is_scipys_and_psi_is_zero_for_equal_rows_and_never_below(then, now):
    from scipy.stats import ks_2samp

    before, after = (np.array(values, dtype="float32") for values in (then, now))
    found = compare(reference(before), pd.DataFrame({"clicks": after})).iloc[0]
    assert found["psi"] >= 0
    assert compare(reference(before), pd.DataFrame({"clicks": before}))["psi"].iloc[0] == 0
    first, second = before[~np.isnan(before)], after[~np.isnan(after)]
    if len(first) and len(second):
        assert found["ks"] == pytest.approx(ks_2samp(first, second).statistic, abs=1e-12)
    else:
        assert np.isnan(found["ks"])


def test_the_p_value_is_scipys_asymptotic_one():
    from scipy.stats import ks_2samp

    random = np.random.default_rng(2)
    before, after = random.normal(0, 1, 3000), random.normal(0.05, 1, 2000)
    found = compare(reference(before), pd.DataFrame({"clicks": after})).iloc[0]
    assert found["ks_p_value"] == pytest.approx(ks_2samp(before, after, method="asymp").pvalue, rel=0.05)


def test_the_auc_of_a_feature_alone_is_that_of_scikit_learn():
    from sklearn.metrics import roc_auc_score

    random = np.random.default_rng(3)
    label = (random.random(500) < 0.4).astype("float64")
    values = np.round(random.normal(label, 1), 1)
    with_gaps = np.where(random.random(500) < 0.2, np.nan, values)
    present = ~np.isnan(with_gaps)
    assert distribution(values, label).auc == pytest.approx(roc_auc_score(label, values))
    assert distribution(with_gaps, label).auc == pytest.approx(roc_auc_score(label[present], values[present]))
    assert np.isnan(distribution(values, np.zeros(500)).auc)


def test_a_day_between_two_days_of_the_panel_repeats_the_comparison_of_the_earlier_one():
    panel = {"AAA_2013B": pd.concat([part(np.arange(300.0), 7), part(np.arange(300.0) + 1000, 14)])}
    found = feature_drift(runs(("AAA", 7, "v"), ("AAA", 10, "v")), features(np.arange(300.0), 7), panel, {"v": MODEL})
    assert found["reference_day"].tolist() == [7, 7]
    assert found["psi"].tolist() == [0, 0]
    assert found["run_date"].dt.day.tolist() == [8, 11]
    assert check_frame(FEATURE_DRIFT.conform(found[FEATURE_DRIFT.names]), FEATURE_DRIFT) == []


def test_a_day_whose_comparison_day_was_never_made_has_no_row_and_neither_has_one_of_the_rule():
    panel = {"AAA_2013B": part(np.arange(300.0), 7)}
    made = features(np.arange(300.0), 8)
    assert feature_drift(runs(("AAA", 8, "v")), made, panel, {"v": MODEL}).empty
    assert feature_drift(runs(("AAA", 7, "rule")), features(np.arange(300.0), 7), panel, {"v": MODEL}).empty
    assert feature_drift(runs(("AAA", 6, "v")), features(np.arange(300.0), 6), panel, {"v": MODEL}).empty


@pytest.mark.parametrize(("n_own", "module", "n_reference"), [(150, "AAA", 150), (149, "all", 449)])
def test_a_module_is_compared_with_itself_where_it_has_enough_rows_and_with_all_else(n_own, module, n_reference):
    panel = {
        "AAA_2013B": part(np.arange(float(n_own)), 7),
        "BBB_2013B": part(np.arange(300.0), 7, "BBB"),
        "BBB_2013J": part(np.arange(300.0), 7, "BBB", "2013J"),
    }
    found = feature_drift(runs(("AAA", 7, "v")), features(np.arange(50.0), 7), panel, {"v": MODEL})
    assert found[["reference_module", "n_reference", "n_students"]].to_numpy().tolist() == [[module, n_reference, 50]]
