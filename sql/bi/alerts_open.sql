-- Which alerts fired in the last seven days that alerts were made for, since when, and on how many of them?
-- What was measured and what persons decided is in alert_episodes, for the registry.
SELECT alert_type, scope, MIN(severity) AS severity, MIN(date) AS first_seen, MAX(date) AS last_seen, COUNT(*) AS n_days
FROM fact_alerts
WHERE date >= (
    SELECT MIN(day)
    FROM (
        SELECT DISTINCT day
        FROM published_days
        WHERE table_name IN ('risk_alerts', 'enrollment_alerts')
        ORDER BY day DESC
        LIMIT 7
    ) AS newest
)
GROUP BY alert_type, scope
ORDER BY severity, first_seen, alert_type, scope;
