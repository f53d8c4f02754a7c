"""What one feature is: the entry of the catalogue. Which features there are stands in `catalogue` and `catalogue_activity`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Feature:
    """One feature: column name, meaning, unit, and how an adviser reads it.

    `sentence` holds `{value}`, the student's figure, and may go on after "; " with `{usual}`, the median of the live enrolments
    of the presentation that day, and `{module}`; the first half stands alone where there is no usual figure. `absent` is the
    sentence for a student without a figure, empty where that says nothing. `below` speaks for figures below `turn`, the figure
    mirrored there: -5 days turn at 0 into 5, a rank of .2 turns at .5 into .8. `theme` joins features that tell an adviser the
    same thing. `told` False: no reason to give to an adviser (calendar, rates of a module or region). `protected`: stored to
    audit the models, used to predict only if settings say so, and never told.
    """

    name: str
    meaning: str
    unit: str
    sentence: str
    absent: str = ""
    theme: str = ""
    protected: bool = False
    told: bool = True
    below: str = ""
    turn: float = 0.0
