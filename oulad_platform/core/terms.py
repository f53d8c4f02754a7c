"""Terms: when each starts, when its census day is, when it ends, and which of them a day is counted towards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

CENSUS_OFFSET_DAYS = 14


@dataclass(frozen=True)
class Term:
    """One term: first day, last day if known, and the day on which its cohort is counted for good."""

    name: str
    start: date
    census: date
    end: date | None = None

    def __post_init__(self) -> None:
        if self.census < self.start or (self.end is not None and self.end < self.start):
            raise ValueError(
                f"term {self.name}: census {self.census} and end {self.end} must not lie before its start {self.start}"
            )


def term(name: str, start: date, end: date | None = None, census_days: Mapping[str, date] | None = None) -> Term:
    """The term with its census day: the given one, else 14 days after the start.

    >>> term("2014B", date(2014, 2, 1)).census
    datetime.date(2014, 2, 15)
    """
    return Term(name, start, (census_days or {}).get(name, start + timedelta(days=CENSUS_OFFSET_DAYS)), end)


def reference_term(terms: Iterable[Term], day: date) -> Term | None:
    """The term that `day` is counted towards: of those whose census day has not passed the earliest, else the latest started.

    >>> autumn, spring = term("2013J", date(2013, 10, 1)), term("2014B", date(2014, 2, 1))
    >>> [reference_term([spring, autumn], day).name for day in (date(2013, 9, 1), date(2013, 10, 16), date(2014, 3, 1))]
    ['2013J', '2014B', '2014B']
    """
    known = sorted(terms, key=lambda one: (one.census, one.name))
    ahead = [one for one in known if one.census >= day]
    return ahead[0] if ahead else known[-1] if known else None
