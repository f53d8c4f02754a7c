-- Which model scored whom from when to when?
SELECT f.model_version, m.status, m.trained_from, MIN(f.date) AS first_day, MAX(f.date) AS last_day,
       COUNT(DISTINCT f.date) AS days, CASE WHEN COUNT(f.student_count) = COUNT(*) THEN SUM(f.student_count) END AS scores
FROM fact_course_daily AS f
LEFT JOIN dim_model AS m ON m.model_version = f.model_version
GROUP BY f.model_version, m.status, m.trained_from
ORDER BY first_day, f.model_version;
