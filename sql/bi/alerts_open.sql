-- Which alerts are open, since when, and how far beyond their limit?
SELECT alert_type, scope, severity, state, first_seen, last_seen, n_days, observed_value, limit_value, message
FROM alert_episodes
WHERE state <> 'resolved'
ORDER BY severity, first_seen, alert_type, scope;
