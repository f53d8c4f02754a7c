-- Which 100 students are at highest risk now, and why? Protect the answer: it names students.
SELECT id_student, code_module, code_presentation, run_date, risk_score, risk_change_7d, reason_1, reason_2, reason_3
FROM student_risk_latest
WHERE high_risk_flag AND run_date = (SELECT MAX(run_date) FROM course_summary_daily)
ORDER BY risk_score DESC, id_student, code_module
LIMIT 100;
