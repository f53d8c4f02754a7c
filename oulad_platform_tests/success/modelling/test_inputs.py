"""Tests of success.modelling.inputs: every name is one of the catalogue's, and what each kind of learner reads."""

from __future__ import annotations

from oulad_platform.success.features.catalogue import FEATURE_NAMES
from oulad_platform.success.modelling.inputs import CHANGING, DAY, LINEAR, LOGGED, NOT_FOR_TREES, REGION, read_by

NAMES = ("day_in_course", "clicks_7d", "clicks_before_start", "module_risk_rate", "score_rank", "gender")


def test_every_feature_named_here_is_in_the_catalogue():
    assert {DAY, REGION, *LOGGED, *CHANGING, *LINEAR, *NOT_FOR_TREES} <= set(FEATURE_NAMES)


def test_a_blend_reads_what_either_part_does():
    assert read_by("gradient_boosting", NAMES) == read_by("network", NAMES) == [0, 1, 4, 5]
    assert read_by("logistic", NAMES) == [0, 2, 4, 5]
    assert read_by("blend", NAMES) == [0, 1, 2, 4, 5]


def test_no_learner_reads_facts_of_the_module():
    facts = ("module_risk_rate", "module_left_share")
    assert read_by("blend", facts) == read_by("network", facts) == []
