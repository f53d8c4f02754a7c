-- How many are enrolled, how many of them are scored, and how high is their risk, day by day? A sum is absent where a part is withheld.
SELECT d.date, e.total_enrollment, r.enrolments_scored, r.mean_risk, r.high_risk
FROM dim_date AS d
JOIN (SELECT date, total_enrollment FROM fact_enrollment_daily WHERE scope_key = 'total:all') AS e ON e.date = d.date
LEFT JOIN (
    SELECT date, CASE WHEN COUNT(student_count) = COUNT(*) THEN SUM(student_count) END AS enrolments_scored,
           SUM(risk_total) / SUM(student_count) AS mean_risk,
           CASE WHEN COUNT(n_high_risk) = COUNT(*) THEN SUM(n_high_risk) END AS high_risk
    FROM fact_course_daily
    GROUP BY date
) AS r ON r.date = d.date
ORDER BY d.date;
