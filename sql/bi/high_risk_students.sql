-- Which 100 students are at highest risk now, and why? Protect the answer: its rows are about single students.
SELECT student_key, code_module, code_presentation, run_date, risk_score, risk_change_7d, reason_1, reason_2, reason_3
FROM student_risk_latest
WHERE high_risk_flag AND run_date = (SELECT MAX(run_date) FROM course_summary_published)
ORDER BY risk_score DESC, student_key, code_module
LIMIT 100;
