"""Who may contact students, and who was contacted: read from dropped CSV files, or told by the demo campus."""

import dagster as dg
import pandas as pd

from oulad_platform.defs.catalog import entry
from oulad_platform.defs.resources import Platform

INTERVENTIONS = entry("sources", "interventions")
ADVISERS = entry("sources", "advisers")


@dg.asset(**INTERVENTIONS.spec())
def interventions(platform: dg.ResourceParam[Platform]) -> pd.DataFrame:
    """The files are the record: the table is replaced by what they hold now, and stays as it was when one cannot be read."""
    return platform.interventions()


@dg.asset(**ADVISERS.spec())
def advisers(platform: dg.ResourceParam[Platform]) -> pd.DataFrame:
    return platform.advisers()


ASSETS = [interventions, advisers]
