-- What changed in each course since the week before, over the same students scored by the same model?
SELECT code_module, code_presentation, run_date, n_compared, compared_risk_7d_ago, compared_risk,
       compared_risk - compared_risk_7d_ago AS risk_change, high_risk_rate_change_7d
FROM course_summary_latest
WHERE n_compared > 0
ORDER BY risk_change DESC, code_module, code_presentation;
