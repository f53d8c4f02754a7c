"""Which model is in charge: gates, decisions of persons, and the card that says so. No other room knows this one."""
