-- Whom is each adviser to contact on the newest day, in which order, and why now? Protect the answer: its rows are about single students.
SELECT adviser, position, student_key, code_module, code_presentation, risk_score, why, why_now, last_contact, suggested_action
FROM caseload_daily
WHERE caseload_date = (SELECT MAX(caseload_date) FROM caseload_daily)
ORDER BY adviser, position;
