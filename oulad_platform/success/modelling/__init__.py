"""The risk model: cohorts, learners, calibration, stored form, registry. What it is worth is measured in `evaluation`."""
