"""The only package that knows Dagster: assets, checks, IO managers, jobs, schedules and sensors, each a thin call."""
