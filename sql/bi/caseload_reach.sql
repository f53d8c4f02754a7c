-- How many of those at high risk stood on somebody's list, by course and day?
SELECT f.date, f.course_key, f.n_high_risk, COUNT(l.student_key) AS listed
FROM fact_course_daily AS f
LEFT JOIN fact_caseload AS l ON l.date = f.date AND l.course_key = f.course_key
GROUP BY f.date, f.course_key, f.n_high_risk
ORDER BY f.date, f.course_key;
