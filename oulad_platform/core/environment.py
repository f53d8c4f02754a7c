"""Names in the environment that look like a setting and are none. Reading their values is `settings`' alone."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable

PREFIX = "OULAD_"
SHORTEST_MISSPELT = 10


def unknown_names(names: Iterable[str], known: Collection[str], others: Collection[str] = ()) -> list[str]:
    """A complaint for each name with our prefix, or nearly that of a known long one, that is neither known nor among `others`.

    >>> unknown_names(["OULAD_DATTA", "HOME"], ["OULAD_DATA", "DATABASE_URL"])
    ['OULAD_DATTA (environment): there is no such setting; did you mean OULAD_DATA?']
    """
    complaints = []
    for name in sorted(set(names) - set(known) - set(others)):
        nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.9) if len(name) >= SHORTEST_MISSPELT else []
        if nearest or name.startswith(PREFIX):
            hint = f"; did you mean {nearest[0]}?" if nearest else ""
            complaints.append(f"{name} (environment): there is no such setting{hint}")
    return complaints
