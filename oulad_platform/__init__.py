"""Who is enrolled, who needs help and whether helping pays: a university's daily data platform on Dagster."""
