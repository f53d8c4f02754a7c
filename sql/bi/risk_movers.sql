-- Whose risk rose most in the last seven days, and what have they handed in? Protect the answer: its rows are about single students.
SELECT student_key, code_module, code_presentation, risk_score - risk_change_7d AS risk_7d_ago, risk_score, risk_change_7d,
       weekly_score_mean, cum_submissions, reason_1
FROM student_risk_latest
WHERE risk_change_7d > 0 AND run_date = (SELECT MAX(run_date) FROM course_summary_published)
ORDER BY risk_change_7d DESC, student_key, code_module
LIMIT 100;
