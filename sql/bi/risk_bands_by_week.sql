-- How do the students of one course move between the bands, week by week? Here: the course that was scored last.
SELECT f.week, f.risk_band, COUNT(*) AS enrolments
FROM fact_risk_daily AS f
JOIN (SELECT course_key, week, MAX(date) AS date FROM fact_course_daily GROUP BY course_key, week) AS last_day
  ON last_day.course_key = f.course_key AND last_day.date = f.date
WHERE f.course_key = (SELECT course_key FROM fact_course_daily ORDER BY date DESC, COALESCE(student_count, 0) DESC, course_key LIMIT 1)
GROUP BY f.week, f.risk_band
ORDER BY f.week, f.risk_band;
