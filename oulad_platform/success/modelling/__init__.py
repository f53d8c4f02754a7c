"""The risk model: cohorts, learners, calibration, stored form. Its worth is measured in `evaluation`."""
