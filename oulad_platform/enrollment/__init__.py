"""Who is here today, who came and left, and how many to expect. Pure functions on frames; knows nothing of files or Dagster."""
