"""Tests of success.features.catalogue: each feature once, and sentences that a person could be told."""

from __future__ import annotations

import pytest

from oulad_platform.success.features.catalogue import CATALOGUE, FEATURE_NAMES, Feature

each_feature = pytest.mark.parametrize("feature", CATALOGUE, ids=FEATURE_NAMES)


def test_each_name_is_there_once():
    assert len(set(FEATURE_NAMES)) == len(CATALOGUE)


@each_feature
def test_a_sentence_takes_the_value_first_and_the_usual_figure_after_a_semicolon(feature: Feature):
    own, _, usual = feature.sentence.partition("; ")
    assert "{value" in own
    assert "{usual" not in own
    assert ("{usual" in usual) == bool(usual)
    assert feature.sentence.format(value=2.0, usual=3.0, module="AAA") != feature.sentence


@each_feature
def test_a_feature_that_may_be_told_has_a_theme_and_says_what_it_means(feature: Feature):
    assert feature.meaning.endswith(".")
    assert feature.unit
    assert feature.theme or not feature.told


@pytest.mark.fault("D12")
def test_protected_attributes_are_never_told():
    assert [one.name for one in CATALOGUE if one.protected] == ["gender", "age_band", "imd_band", "disability"]
    assert not any(one.told for one in CATALOGUE if one.protected)


def test_an_adviser_hears_the_students_own_figure_and_what_is_usual():
    (last_visit,) = (one for one in CATALOGUE if one.name == "days_since_last_visit")
    assert last_visit.sentence.format(value=12.0, usual=4.0, module="BBB") == (
        "no visit for 12 days; most in BBB visited 4 days ago"
    )
