"""Experiments: who is in which arm, what a design can find, and what happened, live or simulated on closed cohorts."""
