-- What changed in each course since the week before, over the same students scored by the same model? Courses of few are left out.
SELECT code_module, code_presentation, run_date, compared_risk_7d_ago, compared_risk,
       compared_risk - compared_risk_7d_ago AS risk_change, high_risk_rate_change_7d
FROM course_summary_latest
WHERE compared_risk IS NOT NULL
ORDER BY risk_change DESC, code_module, code_presentation;
