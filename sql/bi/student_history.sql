-- How did the risk of one student develop, in all their courses? Here: the student at highest risk on the newest day.
SELECT r.run_date, r.code_module, r.code_presentation, r.week, r.risk_score, r.risk_band, r.cum_submissions, r.model_version
FROM student_risk_daily AS r
WHERE r.student_key = (
    SELECT student_key
    FROM student_risk_latest
    WHERE run_date = (SELECT MAX(run_date) FROM course_summary_published)
    ORDER BY risk_score DESC, student_key
    LIMIT 1
)
ORDER BY r.code_module, r.code_presentation, r.run_date;
