"""Who needs help? Weeks, features, model, reasons, marts, alerts, experiments. Pure functions on frames."""
