"""The only package that knows Dagster: assets, checks, IO managers, jobs, schedules and sensors, each a thin call."""

import warnings

import dagster as dg

# Features this platform rests on or touches, pinned with Dagster's version range.
warnings.filterwarnings("ignore", "Parameter `backfill_policy`", dg.BetaWarning)
warnings.filterwarnings("ignore", "Specifying a partitions_def on an AssetCheckSpec", dg.PreviewWarning)
warnings.filterwarnings("ignore", "Parameter `include_sources`", dg.BetaWarning)
warnings.filterwarnings("ignore", "Parameter `owners` of initializer `SensorDefinition", dg.BetaWarning)
