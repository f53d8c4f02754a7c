"""Who does not want to be scored: from that day on there is no risk, no reason, no place on a list and no arm of theirs."""

from __future__ import annotations

import pandas as pd


def still_scored(rows: pd.DataFrame, opt_outs: pd.DataFrame) -> pd.DataFrame:
    """Of rows with run_date and id_student those of students who had not opted out by that day, in the order given.

    `opt_outs`: OPT_OUTS. The day itself counts as opted out; days before it stay as they are.
    """
    if opt_outs.empty:
        return rows
    opted_out = rows["id_student"].map(opt_outs.set_index("id_student")["opted_out_on"]) <= rows["run_date"]
    return rows[~opted_out].reset_index(drop=True)
