-- What do the live experiments show so far, and what may be concluded?
SELECT d.experiment_id, d.hypothesis, d.assigned_on, d.minimum_detectable_points, l.as_of, l.look, d.n_looks, l.information,
       100 * l.difference AS difference_points, 100 * l.interval_low AS low_points, 100 * l.interval_high AS high_points,
       l.exposure_control, l.exposure_treatment, l.guardrail, l.verdict
FROM experiment_designs AS d
LEFT JOIN experiment_looks AS l ON l.experiment_id = d.experiment_id
ORDER BY d.assigned_on, d.experiment_id;
