-- In which week of which course is the share at high risk largest? One cell per course and week, its last scored day.
SELECT f.course_key, f.week, f.date, f.student_count, f.high_risk_rate
FROM fact_course_daily AS f
JOIN (SELECT course_key, week, MAX(date) AS date FROM fact_course_daily GROUP BY course_key, week) AS last_day
  ON last_day.course_key = f.course_key AND last_day.date = f.date
ORDER BY f.course_key, f.week;
