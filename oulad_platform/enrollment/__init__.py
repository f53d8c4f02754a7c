"""Who is here today? Snapshots, changes, metrics. Pure functions on frames; knows nothing of files or Dagster."""
