-- How does the mean risk, and the share at high risk, of each module develop day by day? Over the courses whose counts are told.
SELECT f.date, c.code_module,
       SUM(f.student_count) AS enrolments,
       SUM(f.risk_total) / SUM(f.student_count) AS mean_risk,
       SUM(f.n_high_risk) * 1.0 / SUM(CASE WHEN f.n_high_risk IS NOT NULL THEN f.student_count END) AS high_risk_share
FROM fact_course_daily AS f
JOIN dim_course AS c ON c.course_key = f.course_key
GROUP BY f.date, c.code_module
ORDER BY c.code_module, f.date;
