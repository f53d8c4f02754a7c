CREATE SCHEMA IF NOT EXISTS restricted;
CREATE TABLE published_days (
	table_name TEXT NOT NULL, 
	day DATE NOT NULL, 
	n_rows INTEGER NOT NULL, 
	PRIMARY KEY (table_name, day), 
	CONSTRAINT ck_published_days_n_rows CHECK (n_rows >= 0)
);
COMMENT ON TABLE published_days IS 'One row per table and day that was published, also where the day has no rows: nothing is not unknown.';
COMMENT ON COLUMN published_days.table_name IS 'The table.';
COMMENT ON COLUMN published_days.day IS 'The day that was published.';
COMMENT ON COLUMN published_days.n_rows IS 'Rows of the table on that day.';
CREATE TABLE experiment_stops (
	experiment_id TEXT NOT NULL, 
	stopped_at TIMESTAMP WITHOUT TIME ZONE NOT NULL, 
	stopped_on DATE NOT NULL, 
	stopped_by TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	PRIMARY KEY (experiment_id)
);
COMMENT ON TABLE experiment_stops IS 'One row per live experiment that a person ended.';
COMMENT ON COLUMN experiment_stops.experiment_id IS 'The experiment.';
COMMENT ON COLUMN experiment_stops.stopped_at IS 'When, UTC.';
COMMENT ON COLUMN experiment_stops.stopped_on IS 'The day of the data: from it on controls may be contacted, and no outcome counts.';
COMMENT ON COLUMN experiment_stops.stopped_by IS 'Who.';
COMMENT ON COLUMN experiment_stops.reason IS 'Why, in their words.';
CREATE TABLE experiment_arms (
	experiment_id TEXT NOT NULL, 
	assigned_date DATE NOT NULL, 
	student_key TEXT NOT NULL, 
	code_module TEXT NOT NULL, 
	code_presentation TEXT NOT NULL, 
	risk_score DOUBLE PRECISION, 
	stratum TEXT NOT NULL, 
	arm TEXT NOT NULL, 
	PRIMARY KEY (experiment_id, student_key), 
	CONSTRAINT ck_experiment_arms_risk_score CHECK (risk_score >= 0 AND risk_score <= 1), 
	CONSTRAINT ck_experiment_arms_arm CHECK (arm IN ('control', 'treatment'))
);
COMMENT ON TABLE experiment_arms IS 'One row per live experiment and student, written once, before anybody of it is contacted.';
COMMENT ON COLUMN experiment_arms.experiment_id IS 'The experiment.';
COMMENT ON COLUMN experiment_arms.assigned_date IS 'The day whose risk scores chose the population.';
COMMENT ON COLUMN experiment_arms.student_key IS 'The student''s pseudonym; who that is says student_keys, to those who may know.';
COMMENT ON COLUMN experiment_arms.code_module IS 'Module.';
COMMENT ON COLUMN experiment_arms.code_presentation IS 'Presentation, e.g. 2013J.';
COMMENT ON COLUMN experiment_arms.risk_score IS 'Risk before assignment; absent: not scored.';
COMMENT ON COLUMN experiment_arms.stratum IS 'Module, and tenth of risk where scored, within which arms were drawn.';
COMMENT ON COLUMN experiment_arms.arm IS 'treatment: to be contacted; control: off the caseload while it runs.';
CREATE TABLE experiment_designs (
	experiment_id TEXT NOT NULL, 
	registered_at TIMESTAMP WITHOUT TIME ZONE NOT NULL, 
	registered_by TEXT NOT NULL, 
	hypothesis TEXT NOT NULL, 
	assigned_on DATE NOT NULL, 
	population TEXT NOT NULL, 
	modules TEXT NOT NULL, 
	n_students INTEGER NOT NULL, 
	outcome TEXT NOT NULL, 
	horizon_days SMALLINT, 
	alpha DOUBLE PRECISION NOT NULL, 
	power DOUBLE PRECISION NOT NULL, 
	n_looks SMALLINT NOT NULL, 
	base_rate DOUBLE PRECISION NOT NULL, 
	minimum_detectable_points DOUBLE PRECISION, 
	guardrail_points DOUBLE PRECISION NOT NULL, 
	PRIMARY KEY (experiment_id), 
	CONSTRAINT ck_experiment_designs_population CHECK (population IN ('high risk', 'all')), 
	CONSTRAINT ck_experiment_designs_n_students CHECK (n_students >= 2), 
	CONSTRAINT ck_experiment_designs_outcome CHECK (outcome IN ('passed', 'retained')), 
	CONSTRAINT ck_experiment_designs_horizon_days CHECK (horizon_days >= 1), 
	CONSTRAINT ck_experiment_designs_alpha CHECK (alpha >= 0 AND alpha <= 1), 
	CONSTRAINT ck_experiment_designs_power CHECK (power >= 0 AND power <= 1), 
	CONSTRAINT ck_experiment_designs_n_looks CHECK (n_looks >= 1), 
	CONSTRAINT ck_experiment_designs_base_rate CHECK (base_rate >= 0 AND base_rate <= 1), 
	CONSTRAINT ck_experiment_designs_minimum_detectable_points CHECK (minimum_detectable_points >= 0 AND minimum_detectable_points <= 1.7976931348623157e+308), 
	CONSTRAINT ck_experiment_designs_guardrail_points CHECK (guardrail_points >= 0 AND guardrail_points <= 1.7976931348623157e+308)
);
COMMENT ON TABLE experiment_designs IS 'One row per live experiment, written before anybody is assigned and never changed.';
COMMENT ON COLUMN experiment_designs.experiment_id IS 'The experiment.';
COMMENT ON COLUMN experiment_designs.registered_at IS 'When it was registered, UTC.';
COMMENT ON COLUMN experiment_designs.registered_by IS 'Who.';
COMMENT ON COLUMN experiment_designs.hypothesis IS 'What is done to the treatment arm and what is expected of it.';
COMMENT ON COLUMN experiment_designs.assigned_on IS 'The day whose risk scores chose the population.';
COMMENT ON COLUMN experiment_designs.population IS 'Who takes part.';
COMMENT ON COLUMN experiment_designs.modules IS 'Modules it is limited to, comma-separated; ''all''.';
COMMENT ON COLUMN experiment_designs.n_students IS 'Students who take part, both arms together.';
COMMENT ON COLUMN experiment_designs.outcome IS 'passed: final result; retained: still enrolled at the horizon.';
COMMENT ON COLUMN experiment_designs.horizon_days IS 'Days from assignment at which retained is judged, or the presentation''s end if that is sooner; for passed, none.';
COMMENT ON COLUMN experiment_designs.alpha IS 'Two-sided error of the first kind, over all looks.';
COMMENT ON COLUMN experiment_designs.power IS 'Power the detectable effect is computed for.';
COMMENT ON COLUMN experiment_designs.n_looks IS 'Planned analyses, the last one included.';
COMMENT ON COLUMN experiment_designs.base_rate IS 'Expected share in the control arm.';
COMMENT ON COLUMN experiment_designs.minimum_detectable_points IS 'Effect found with that power.';
COMMENT ON COLUMN experiment_designs.guardrail_points IS 'The experiment is to stop if treatment is this much worse.';
CREATE TABLE alert_decisions (
	alert_id TEXT NOT NULL, 
	decided_at TIMESTAMP WITHOUT TIME ZONE NOT NULL, 
	decision TEXT NOT NULL, 
	decided_by TEXT NOT NULL, 
	note TEXT NOT NULL, 
	PRIMARY KEY (alert_id, decided_at), 
	CONSTRAINT ck_alert_decisions_decision CHECK (decision IN ('acknowledged', 'resolved'))
);
COMMENT ON TABLE alert_decisions IS 'One row per decision of a person about an alert''s episode: acknowledged, or resolved.';
COMMENT ON COLUMN alert_decisions.alert_id IS 'An alert of the episode; resolved means: up to and including that alert''s day.';
COMMENT ON COLUMN alert_decisions.decided_at IS 'When, UTC.';
COMMENT ON COLUMN alert_decisions.decision IS 'acknowledged: somebody sees to it, no reminders; resolved: done, what fires on later days is a new episode.';
COMMENT ON COLUMN alert_decisions.decided_by IS 'Who.';
COMMENT ON COLUMN alert_decisions.note IS 'Why, in their words; may be empty.';
CREATE TABLE operation_alerts (
	alert_id TEXT NOT NULL, 
	alert_date DATE NOT NULL, 
	alert_type TEXT NOT NULL, 
	scope TEXT NOT NULL, 
	severity TEXT NOT NULL, 
	observed_value DOUBLE PRECISION, 
	limit_value DOUBLE PRECISION, 
	n_students INTEGER, 
	message TEXT NOT NULL, 
	PRIMARY KEY (alert_id), 
	CONSTRAINT ck_operation_alerts_alert_type CHECK (alert_type IN ('threshold', 'spike', 'drift', 'anomaly', 'data_quality', 'freshness', 'run_failure')), 
	CONSTRAINT ck_operation_alerts_severity CHECK (severity IN ('warning', 'critical')), 
	CONSTRAINT ck_operation_alerts_observed_value CHECK (observed_value >= -1.7976931348623157e+308 AND observed_value <= 1.7976931348623157e+308), 
	CONSTRAINT ck_operation_alerts_limit_value CHECK (limit_value >= -1.7976931348623157e+308 AND limit_value <= 1.7976931348623157e+308), 
	CONSTRAINT ck_operation_alerts_n_students CHECK (n_students >= 0)
);
CREATE INDEX ix_operation_alerts_alert_date ON operation_alerts (alert_date);
COMMENT ON TABLE operation_alerts IS 'One row per failed job, stale table or held-back extract and day.';
COMMENT ON COLUMN operation_alerts.alert_id IS 'Type, scope and day, safe in a file name.';
COMMENT ON COLUMN operation_alerts.alert_date IS 'The day it is about.';
COMMENT ON COLUMN operation_alerts.alert_type IS 'What raised it.';
COMMENT ON COLUMN operation_alerts.scope IS '''all'', or what it is about: module-presentation, program, table, job.';
COMMENT ON COLUMN operation_alerts.severity IS 'How urgent it is.';
COMMENT ON COLUMN operation_alerts.observed_value IS 'What was measured.';
COMMENT ON COLUMN operation_alerts.limit_value IS 'The limit it is beyond.';
COMMENT ON COLUMN operation_alerts.n_students IS 'Enrolments it rests on, where it rests on some.';
COMMENT ON COLUMN operation_alerts.message IS 'One sentence for a person; no student is named.';
CREATE TABLE model_decisions (
	decided_at TIMESTAMP WITHOUT TIME ZONE NOT NULL, 
	decision TEXT NOT NULL, 
	model_version TEXT NOT NULL, 
	effective_from DATE NOT NULL, 
	decided_by TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	PRIMARY KEY (decided_at), 
	CONSTRAINT ck_model_decisions_decision CHECK (decision IN ('promote', 'rollback'))
);
COMMENT ON TABLE model_decisions IS 'One row per decision of a person about who is in charge; appended by `oulad promote` and `oulad rollback`, never changed.';
COMMENT ON COLUMN model_decisions.decided_at IS 'When, UTC.';
COMMENT ON COLUMN model_decisions.decision IS 'promote: in charge from effective_from; rollback: the version before is again.';
COMMENT ON COLUMN model_decisions.model_version IS 'The version promoted, or the one rolled back.';
COMMENT ON COLUMN model_decisions.effective_from IS 'First day that is scored accordingly.';
COMMENT ON COLUMN model_decisions.decided_by IS 'Name of the person.';
COMMENT ON COLUMN model_decisions.reason IS 'Why, in their words; a promotion against a failed gate is a waiver.';
CREATE TABLE snapshot_versions (
	snapshot_date DATE NOT NULL, 
	version SMALLINT NOT NULL, 
	state TEXT NOT NULL, 
	n_rows INTEGER NOT NULL, 
	previous_date DATE, 
	change_pct DOUBLE PRECISION, 
	reason TEXT NOT NULL, 
	sha256 TEXT NOT NULL, 
	recorded_at TIMESTAMP WITHOUT TIME ZONE NOT NULL, 
	recorded_by TEXT NOT NULL, 
	PRIMARY KEY (snapshot_date, version), 
	CONSTRAINT ck_snapshot_versions_version CHECK (version >= 1), 
	CONSTRAINT ck_snapshot_versions_state CHECK (state IN ('current', 'superseded', 'quarantined', 'removed')), 
	CONSTRAINT ck_snapshot_versions_n_rows CHECK (n_rows >= 0), 
	CONSTRAINT ck_snapshot_versions_change_pct CHECK (change_pct >= -1.7976931348623157e+308 AND change_pct <= 1.7976931348623157e+308)
);
COMMENT ON TABLE snapshot_versions IS 'One row per day and version of its snapshot: when it came, who let it in, and what became of it.';
COMMENT ON COLUMN snapshot_versions.snapshot_date IS 'The day the snapshot describes.';
COMMENT ON COLUMN snapshot_versions.version IS '1 = the first extract of that day.';
COMMENT ON COLUMN snapshot_versions.state IS 'current: in use; superseded: corrected by a later version; quarantined: held back; removed: file deleted by housekeeping, metrics kept.';
COMMENT ON COLUMN snapshot_versions.n_rows IS 'Rows of the extract.';
COMMENT ON COLUMN snapshot_versions.previous_date IS 'The snapshot it was compared with before it was let in.';
COMMENT ON COLUMN snapshot_versions.change_pct IS 'Change of the terms that go on, against that day.';
COMMENT ON COLUMN snapshot_versions.reason IS 'Why it was held back, or let in all the same, and when its file was removed; empty otherwise.';
COMMENT ON COLUMN snapshot_versions.sha256 IS 'Hash of its rows.';
COMMENT ON COLUMN snapshot_versions.recorded_at IS 'When (UTC).';
COMMENT ON COLUMN snapshot_versions.recorded_by IS 'The run, or the person who accepted it.';
SET LOCAL search_path = restricted, public;
CREATE TABLE erasures (
	student_key TEXT NOT NULL, 
	key_id TEXT NOT NULL, 
	erased_at TIMESTAMP WITHOUT TIME ZONE NOT NULL, 
	erased_by TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	first_date DATE, 
	last_date DATE, 
	finished_at TIMESTAMP WITHOUT TIME ZONE, 
	PRIMARY KEY (student_key)
);
COMMENT ON TABLE erasures IS 'One row per pseudonym of a person who was erased: what is extracted about them from then on is left out.';
COMMENT ON COLUMN erasures.student_key IS 'The student''s pseudonym; who that is says student_keys, to those who may know.';
COMMENT ON COLUMN erasures.key_id IS 'The key it was made with; it is needed as long as extracts may hold the person.';
COMMENT ON COLUMN erasures.erased_at IS 'When, UTC.';
COMMENT ON COLUMN erasures.erased_by IS 'Who.';
COMMENT ON COLUMN erasures.reason IS 'Why, in their words.';
COMMENT ON COLUMN erasures.first_date IS 'First day that anything was kept of them; absent: none.';
COMMENT ON COLUMN erasures.last_date IS 'Last day that was made then; the days between follow from what was removed.';
COMMENT ON COLUMN erasures.finished_at IS 'When what follows had been made again, UTC; absent: it broke off.';
SET LOCAL search_path = public, restricted;
SET LOCAL search_path = restricted, public;
CREATE TABLE student_keys (
	student_key TEXT NOT NULL, 
	key_id TEXT NOT NULL, 
	student_id TEXT NOT NULL, 
	PRIMARY KEY (student_key)
);
COMMENT ON TABLE student_keys IS 'One row per pseudonym: whose it is. Who may read it can name every row of the warehouse.';
COMMENT ON COLUMN student_keys.student_key IS 'The student''s pseudonym; who that is says student_keys, to those who may know.';
COMMENT ON COLUMN student_keys.key_id IS 'The key it was made with.';
COMMENT ON COLUMN student_keys.student_id IS 'The student''s identifier in the source, as text.';
SET LOCAL search_path = public, restricted;
CREATE TABLE executive_summary (
	position SMALLINT NOT NULL, 
	heading TEXT NOT NULL, 
	sentence TEXT NOT NULL, 
	value DOUBLE PRECISION, 
	source_table TEXT NOT NULL, 
	PRIMARY KEY (position), 
	CONSTRAINT ck_executive_summary_position CHECK (position >= 1), 
	CONSTRAINT ck_executive_summary_value CHECK (value >= -1.7976931348623157e+308 AND value <= 1.7976931348623157e+308)
);
COMMENT ON TABLE executive_summary IS 'One row per sentence of the summary, each with its number and the table it comes from.';
COMMENT ON COLUMN executive_summary.position IS 'Order in the summary.';
COMMENT ON COLUMN executive_summary.heading IS 'Section.';
COMMENT ON COLUMN executive_summary.sentence IS 'The sentence, with its number.';
COMMENT ON COLUMN executive_summary.value IS 'The number itself.';
COMMENT ON COLUMN executive_summary.source_table IS 'Table the number comes from.';
CREATE TABLE roi_drivers (
	driver TEXT NOT NULL, 
	base_value DOUBLE PRECISION NOT NULL, 
	low_value DOUBLE PRECISION NOT NULL, 
	high_value DOUBLE PRECISION NOT NULL, 
	unit TEXT NOT NULL, 
	net_benefit DOUBLE PRECISION NOT NULL, 
	net_benefit_at_low DOUBLE PRECISION NOT NULL, 
	net_benefit_at_high DOUBLE PRECISION NOT NULL, 
	PRIMARY KEY (driver), 
	CONSTRAINT ck_roi_drivers_base_value CHECK (base_value >= -1.7976931348623157e+308 AND base_value <= 1.7976931348623157e+308), 
	CONSTRAINT ck_roi_drivers_low_value CHECK (low_value >= -1.7976931348623157e+308 AND low_value <= 1.7976931348623157e+308), 
	CONSTRAINT ck_roi_drivers_high_value CHECK (high_value >= -1.7976931348623157e+308 AND high_value <= 1.7976931348623157e+308), 
	CONSTRAINT ck_roi_drivers_net_benefit CHECK (net_benefit >= -1.7976931348623157e+308 AND net_benefit <= 1.7976931348623157e+308), 
	CONSTRAINT ck_roi_drivers_net_benefit_at_low CHECK (net_benefit_at_low >= -1.7976931348623157e+308 AND net_benefit_at_low <= 1.7976931348623157e+308), 
	CONSTRAINT ck_roi_drivers_net_benefit_at_high CHECK (net_benefit_at_high >= -1.7976931348623157e+308 AND net_benefit_at_high <= 1.7976931348623157e+308)
);
COMMENT ON TABLE roi_drivers IS 'One row per assumption: the net benefit at its low and its high value, the others staying (a tornado chart''s bars).';
COMMENT ON COLUMN roi_drivers.driver IS 'The assumption.';
COMMENT ON COLUMN roi_drivers.base_value IS 'The value it has in roi_by_caseload.';
COMMENT ON COLUMN roi_drivers.low_value IS 'Its low value.';
COMMENT ON COLUMN roi_drivers.high_value IS 'Its high value.';
COMMENT ON COLUMN roi_drivers.unit IS 'Unit of the three.';
COMMENT ON COLUMN roi_drivers.net_benefit IS 'Net benefit of contacting all who are flagged, each assumption at its base.';
COMMENT ON COLUMN roi_drivers.net_benefit_at_low IS 'Net benefit at the low value.';
COMMENT ON COLUMN roi_drivers.net_benefit_at_high IS 'Net benefit at the high value.';
CREATE TABLE roi_by_caseload (
	n_contacted INTEGER NOT NULL, 
	mean_risk DOUBLE PRECISION, 
	cost DOUBLE PRECISION NOT NULL, 
	net_benefit DOUBLE PRECISION NOT NULL, 
	net_benefit_low DOUBLE PRECISION NOT NULL, 
	net_benefit_high DOUBLE PRECISION NOT NULL, 
	roi DOUBLE PRECISION, 
	probability_of_profit DOUBLE PRECISION NOT NULL, 
	break_even_points DOUBLE PRECISION, 
	is_flagged BOOLEAN NOT NULL, 
	is_best BOOLEAN NOT NULL, 
	best_size_low INTEGER, 
	best_size_high INTEGER, 
	PRIMARY KEY (n_contacted), 
	CONSTRAINT ck_roi_by_caseload_n_contacted CHECK (n_contacted >= 0), 
	CONSTRAINT ck_roi_by_caseload_mean_risk CHECK (mean_risk >= 0 AND mean_risk <= 1), 
	CONSTRAINT ck_roi_by_caseload_cost CHECK (cost >= 0 AND cost <= 1.7976931348623157e+308), 
	CONSTRAINT ck_roi_by_caseload_net_benefit CHECK (net_benefit >= -1.7976931348623157e+308 AND net_benefit <= 1.7976931348623157e+308), 
	CONSTRAINT ck_roi_by_caseload_net_benefit_low CHECK (net_benefit_low >= -1.7976931348623157e+308 AND net_benefit_low <= 1.7976931348623157e+308), 
	CONSTRAINT ck_roi_by_caseload_net_benefit_high CHECK (net_benefit_high >= -1.7976931348623157e+308 AND net_benefit_high <= 1.7976931348623157e+308), 
	CONSTRAINT ck_roi_by_caseload_roi CHECK (roi >= -1.7976931348623157e+308 AND roi <= 1.7976931348623157e+308), 
	CONSTRAINT ck_roi_by_caseload_probability_of_profit CHECK (probability_of_profit >= 0 AND probability_of_profit <= 1), 
	CONSTRAINT ck_roi_by_caseload_break_even_points CHECK (break_even_points >= 0 AND break_even_points <= 1.7976931348623157e+308), 
	CONSTRAINT ck_roi_by_caseload_best_size_low CHECK (best_size_low >= 0), 
	CONSTRAINT ck_roi_by_caseload_best_size_high CHECK (best_size_high >= 0)
);
COMMENT ON TABLE roi_by_caseload IS 'One row per number of students contacted, those at highest risk first: what it returns, with its doubt.';
COMMENT ON COLUMN roi_by_caseload.n_contacted IS 'Students contacted.';
COMMENT ON COLUMN roi_by_caseload.mean_risk IS 'Mean risk of those contacted.';
COMMENT ON COLUMN roi_by_caseload.cost IS 'What contacting them costs.';
COMMENT ON COLUMN roi_by_caseload.net_benefit IS 'Mean over the draws of the effect.';
COMMENT ON COLUMN roi_by_caseload.net_benefit_low IS '80 % interval, lower end.';
COMMENT ON COLUMN roi_by_caseload.net_benefit_high IS '80 % interval, upper end.';
COMMENT ON COLUMN roi_by_caseload.roi IS 'Mean net benefit for each unit of cost; absent when nothing was spent.';
COMMENT ON COLUMN roi_by_caseload.probability_of_profit IS 'Share of the draws in which the net benefit is above 0.';
COMMENT ON COLUMN roi_by_caseload.break_even_points IS 'Effect on the mean flagged student at which the net benefit is 0; absent where no effect pays.';
COMMENT ON COLUMN roi_by_caseload.is_flagged IS 'The number flagged high risk.';
COMMENT ON COLUMN roi_by_caseload.is_best IS 'The number with the largest mean net benefit.';
COMMENT ON COLUMN roi_by_caseload.best_size_low IS 'In the row of the best number: its 80 % interval over the draws, lower end.';
COMMENT ON COLUMN roi_by_caseload.best_size_high IS 'The same, upper end.';
CREATE TABLE roi_sensitivity (
	uplift_points DOUBLE PRECISION NOT NULL, 
	cost_per_student DOUBLE PRECISION NOT NULL, 
	value_per_pass DOUBLE PRECISION NOT NULL, 
	n_contacted INTEGER NOT NULL, 
	incremental_passes DOUBLE PRECISION NOT NULL, 
	intervention_cost DOUBLE PRECISION NOT NULL, 
	net_benefit DOUBLE PRECISION NOT NULL, 
	roi DOUBLE PRECISION, 
	PRIMARY KEY (uplift_points, cost_per_student), 
	CONSTRAINT ck_roi_sensitivity_uplift_points CHECK (uplift_points >= -1.7976931348623157e+308 AND uplift_points <= 1.7976931348623157e+308), 
	CONSTRAINT ck_roi_sensitivity_cost_per_student CHECK (cost_per_student >= 0 AND cost_per_student <= 1.7976931348623157e+308), 
	CONSTRAINT ck_roi_sensitivity_value_per_pass CHECK (value_per_pass >= 0 AND value_per_pass <= 1.7976931348623157e+308), 
	CONSTRAINT ck_roi_sensitivity_n_contacted CHECK (n_contacted >= 0), 
	CONSTRAINT ck_roi_sensitivity_incremental_passes CHECK (incremental_passes >= -1.7976931348623157e+308 AND incremental_passes <= 1.7976931348623157e+308), 
	CONSTRAINT ck_roi_sensitivity_intervention_cost CHECK (intervention_cost >= 0 AND intervention_cost <= 1.7976931348623157e+308), 
	CONSTRAINT ck_roi_sensitivity_net_benefit CHECK (net_benefit >= -1.7976931348623157e+308 AND net_benefit <= 1.7976931348623157e+308), 
	CONSTRAINT ck_roi_sensitivity_roi CHECK (roi >= -1.7976931348623157e+308 AND roi <= 1.7976931348623157e+308)
);
COMMENT ON TABLE roi_sensitivity IS 'One row per assumed uplift and cost per student.';
COMMENT ON COLUMN roi_sensitivity.uplift_points IS 'Assumed effect on the pass rate.';
COMMENT ON COLUMN roi_sensitivity.cost_per_student IS 'Cost of contacting one student.';
COMMENT ON COLUMN roi_sensitivity.value_per_pass IS 'Value of one more student passing.';
COMMENT ON COLUMN roi_sensitivity.n_contacted IS 'Students contacted.';
COMMENT ON COLUMN roi_sensitivity.incremental_passes IS 'Passes more than without contact.';
COMMENT ON COLUMN roi_sensitivity.intervention_cost IS 'Students times cost.';
COMMENT ON COLUMN roi_sensitivity.net_benefit IS 'incremental_passes * value_per_pass - intervention_cost.';
COMMENT ON COLUMN roi_sensitivity.roi IS 'Net benefit for each unit of cost; absent when nothing was spent.';
CREATE TABLE experiment_looks (
	experiment_id TEXT NOT NULL, 
	as_of DATE NOT NULL, 
	information DOUBLE PRECISION NOT NULL, 
	look SMALLINT NOT NULL, 
	looked_on DATE, 
	n_control INTEGER NOT NULL, 
	n_treatment INTEGER NOT NULL, 
	n_success_control INTEGER NOT NULL, 
	n_success_treatment INTEGER NOT NULL, 
	n_lost INTEGER NOT NULL, 
	exposure_control DOUBLE PRECISION, 
	exposure_treatment DOUBLE PRECISION, 
	difference DOUBLE PRECISION, 
	interval_low DOUBLE PRECISION, 
	interval_high DOUBLE PRECISION, 
	cuped_difference DOUBLE PRECISION, 
	cuped_low DOUBLE PRECISION, 
	cuped_high DOUBLE PRECISION, 
	z DOUBLE PRECISION, 
	boundary DOUBLE PRECISION, 
	p_value DOUBLE PRECISION, 
	guardrail TEXT NOT NULL, 
	verdict TEXT NOT NULL, 
	PRIMARY KEY (experiment_id), 
	CONSTRAINT ck_experiment_looks_information CHECK (information >= 0 AND information <= 1), 
	CONSTRAINT ck_experiment_looks_look CHECK (look >= 0), 
	CONSTRAINT ck_experiment_looks_n_control CHECK (n_control >= 0), 
	CONSTRAINT ck_experiment_looks_n_treatment CHECK (n_treatment >= 0), 
	CONSTRAINT ck_experiment_looks_n_success_control CHECK (n_success_control >= 0), 
	CONSTRAINT ck_experiment_looks_n_success_treatment CHECK (n_success_treatment >= 0), 
	CONSTRAINT ck_experiment_looks_n_lost CHECK (n_lost >= 0), 
	CONSTRAINT ck_experiment_looks_exposure_control CHECK (exposure_control >= 0 AND exposure_control <= 1), 
	CONSTRAINT ck_experiment_looks_exposure_treatment CHECK (exposure_treatment >= 0 AND exposure_treatment <= 1), 
	CONSTRAINT ck_experiment_looks_difference CHECK (difference >= -1 AND difference <= 1), 
	CONSTRAINT ck_experiment_looks_interval_low CHECK (interval_low >= -1.7976931348623157e+308 AND interval_low <= 1.7976931348623157e+308), 
	CONSTRAINT ck_experiment_looks_interval_high CHECK (interval_high >= -1.7976931348623157e+308 AND interval_high <= 1.7976931348623157e+308), 
	CONSTRAINT ck_experiment_looks_cuped_difference CHECK (cuped_difference >= -1.7976931348623157e+308 AND cuped_difference <= 1.7976931348623157e+308), 
	CONSTRAINT ck_experiment_looks_cuped_low CHECK (cuped_low >= -1.7976931348623157e+308 AND cuped_low <= 1.7976931348623157e+308), 
	CONSTRAINT ck_experiment_looks_cuped_high CHECK (cuped_high >= -1.7976931348623157e+308 AND cuped_high <= 1.7976931348623157e+308), 
	CONSTRAINT ck_experiment_looks_z CHECK (z >= -1.7976931348623157e+308 AND z <= 1.7976931348623157e+308), 
	CONSTRAINT ck_experiment_looks_boundary CHECK (boundary >= -1.7976931348623157e+308 AND boundary <= 1.7976931348623157e+308), 
	CONSTRAINT ck_experiment_looks_p_value CHECK (p_value >= 0 AND p_value <= 1), 
	CONSTRAINT ck_experiment_looks_guardrail CHECK (guardrail IN ('holds', 'broken', 'unknown')), 
	CONSTRAINT ck_experiment_looks_verdict CHECK (verdict IN ('waiting for outcomes', 'no decision yet', 'effect', 'no effect shown', 'harm', 'under-powered', 'stopped'))
);
COMMENT ON TABLE experiment_looks IS 'One row per live experiment: its newest look, by intention to treat; the look that decided, once one has.';
COMMENT ON COLUMN experiment_looks.experiment_id IS 'The experiment.';
COMMENT ON COLUMN experiment_looks.as_of IS 'Outcomes known by this day.';
COMMENT ON COLUMN experiment_looks.information IS 'Share of the assigned whose outcome is known.';
COMMENT ON COLUMN experiment_looks.look IS 'Which planned analysis this is; 0 before the first.';
COMMENT ON COLUMN experiment_looks.looked_on IS 'The day of that analysis; the figures are those of this day.';
COMMENT ON COLUMN experiment_looks.n_control IS 'Of the control arm, outcome known at the look.';
COMMENT ON COLUMN experiment_looks.n_treatment IS 'Of the treatment arm, outcome known at the look.';
COMMENT ON COLUMN experiment_looks.n_success_control IS 'Of these, passed or retained.';
COMMENT ON COLUMN experiment_looks.n_success_treatment IS 'Of these, passed or retained.';
COMMENT ON COLUMN experiment_looks.n_lost IS 'Of both, without a result on record; counted as not succeeded.';
COMMENT ON COLUMN experiment_looks.exposure_control IS 'Share of the control arm contacted since.';
COMMENT ON COLUMN experiment_looks.exposure_treatment IS 'Share of the treatment arm contacted since.';
COMMENT ON COLUMN experiment_looks.difference IS 'Treatment minus control.';
COMMENT ON COLUMN experiment_looks.interval_low IS 'Newcombe interval at the look''s level, lower end.';
COMMENT ON COLUMN experiment_looks.interval_high IS 'Newcombe interval at the look''s level, upper end.';
COMMENT ON COLUMN experiment_looks.cuped_difference IS 'Difference adjusted by the risk score before assignment.';
COMMENT ON COLUMN experiment_looks.cuped_low IS 'Its interval at the look''s level, lower end.';
COMMENT ON COLUMN experiment_looks.cuped_high IS 'Its interval at the look''s level, upper end.';
COMMENT ON COLUMN experiment_looks.z IS 'Two-proportion z, pooled, no continuity correction.';
COMMENT ON COLUMN experiment_looks.boundary IS 'Group-sequential bound on z at this look.';
COMMENT ON COLUMN experiment_looks.p_value IS 'Two-sided, of z; Fisher''s exact where a cell is expected to hold fewer than 5. Not adjusted for looks.';
COMMENT ON COLUMN experiment_looks.guardrail IS 'broken: of all outcomes known, treatment does worse than allowed, with 97.5 % confidence.';
COMMENT ON COLUMN experiment_looks.verdict IS 'What may be concluded.';
CREATE TABLE experiment_results (
	experiment_id TEXT NOT NULL, 
	uplift_points DOUBLE PRECISION NOT NULL, 
	n_control INTEGER NOT NULL, 
	n_treatment INTEGER NOT NULL, 
	n_passed_control INTEGER NOT NULL, 
	n_passed_treatment INTEGER NOT NULL, 
	pass_rate_control DOUBLE PRECISION, 
	pass_rate_treatment DOUBLE PRECISION, 
	difference DOUBLE PRECISION, 
	newcombe_low DOUBLE PRECISION, 
	newcombe_high DOUBLE PRECISION, 
	bootstrap_low DOUBLE PRECISION, 
	bootstrap_high DOUBLE PRECISION, 
	z DOUBLE PRECISION, 
	p_value DOUBLE PRECISION, 
	p_value_holm DOUBLE PRECISION, 
	minimum_detectable_points DOUBLE PRECISION, 
	verdict TEXT NOT NULL, 
	PRIMARY KEY (experiment_id, uplift_points), 
	CONSTRAINT ck_experiment_results_uplift_points CHECK (uplift_points >= -1.7976931348623157e+308 AND uplift_points <= 1.7976931348623157e+308), 
	CONSTRAINT ck_experiment_results_n_control CHECK (n_control >= 0), 
	CONSTRAINT ck_experiment_results_n_treatment CHECK (n_treatment >= 0), 
	CONSTRAINT ck_experiment_results_n_passed_control CHECK (n_passed_control >= 0), 
	CONSTRAINT ck_experiment_results_n_passed_treatment CHECK (n_passed_treatment >= 0), 
	CONSTRAINT ck_experiment_results_pass_rate_control CHECK (pass_rate_control >= 0 AND pass_rate_control <= 1), 
	CONSTRAINT ck_experiment_results_pass_rate_treatment CHECK (pass_rate_treatment >= 0 AND pass_rate_treatment <= 1), 
	CONSTRAINT ck_experiment_results_difference CHECK (difference >= -1 AND difference <= 1), 
	CONSTRAINT ck_experiment_results_newcombe_low CHECK (newcombe_low >= -1.7976931348623157e+308 AND newcombe_low <= 1.7976931348623157e+308), 
	CONSTRAINT ck_experiment_results_newcombe_high CHECK (newcombe_high >= -1.7976931348623157e+308 AND newcombe_high <= 1.7976931348623157e+308), 
	CONSTRAINT ck_experiment_results_bootstrap_low CHECK (bootstrap_low >= -1.7976931348623157e+308 AND bootstrap_low <= 1.7976931348623157e+308), 
	CONSTRAINT ck_experiment_results_bootstrap_high CHECK (bootstrap_high >= -1.7976931348623157e+308 AND bootstrap_high <= 1.7976931348623157e+308), 
	CONSTRAINT ck_experiment_results_z CHECK (z >= -1.7976931348623157e+308 AND z <= 1.7976931348623157e+308), 
	CONSTRAINT ck_experiment_results_p_value CHECK (p_value >= 0 AND p_value <= 1), 
	CONSTRAINT ck_experiment_results_p_value_holm CHECK (p_value_holm >= 0 AND p_value_holm <= 1), 
	CONSTRAINT ck_experiment_results_minimum_detectable_points CHECK (minimum_detectable_points >= 0 AND minimum_detectable_points <= 1.7976931348623157e+308), 
	CONSTRAINT ck_experiment_results_verdict CHECK (verdict IN ('effect', 'no effect shown', 'under-powered'))
);
COMMENT ON TABLE experiment_results IS 'One row per experiment and scenario: an offline simulation on outcomes of closed cohorts.';
COMMENT ON COLUMN experiment_results.experiment_id IS 'The experiment.';
COMMENT ON COLUMN experiment_results.uplift_points IS 'Assumed effect on the pass rate.';
COMMENT ON COLUMN experiment_results.n_control IS 'Students in the control arm.';
COMMENT ON COLUMN experiment_results.n_treatment IS 'Students in the treatment arm.';
COMMENT ON COLUMN experiment_results.n_passed_control IS 'Of the control arm, passed.';
COMMENT ON COLUMN experiment_results.n_passed_treatment IS 'Of the treatment arm, passed in the simulation.';
COMMENT ON COLUMN experiment_results.pass_rate_control IS 'Share passed.';
COMMENT ON COLUMN experiment_results.pass_rate_treatment IS 'Share passed.';
COMMENT ON COLUMN experiment_results.difference IS 'Treatment minus control.';
COMMENT ON COLUMN experiment_results.newcombe_low IS '95 % Newcombe interval, lower end.';
COMMENT ON COLUMN experiment_results.newcombe_high IS '95 % Newcombe interval, upper end.';
COMMENT ON COLUMN experiment_results.bootstrap_low IS '95 % BCa bootstrap interval, lower end.';
COMMENT ON COLUMN experiment_results.bootstrap_high IS '95 % BCa bootstrap interval, upper end.';
COMMENT ON COLUMN experiment_results.z IS 'Two-proportion z, pooled, no continuity correction.';
COMMENT ON COLUMN experiment_results.p_value IS 'Two-sided, of z; Fisher''s exact where a cell is expected to hold fewer than 5.';
COMMENT ON COLUMN experiment_results.p_value_holm IS 'Holm over the scenarios.';
COMMENT ON COLUMN experiment_results.minimum_detectable_points IS 'Effect found with 80 % power.';
COMMENT ON COLUMN experiment_results.verdict IS 'under-powered: the assumed uplift is below the detectable one.';
CREATE TABLE experiment_assignments (
	experiment_id TEXT NOT NULL, 
	assigned_date DATE NOT NULL, 
	student_key TEXT NOT NULL, 
	code_module TEXT NOT NULL, 
	code_presentation TEXT NOT NULL, 
	risk_score DOUBLE PRECISION NOT NULL, 
	stratum TEXT NOT NULL, 
	arm TEXT NOT NULL, 
	PRIMARY KEY (experiment_id, student_key), 
	CONSTRAINT ck_experiment_assignments_risk_score CHECK (risk_score >= 0 AND risk_score <= 1), 
	CONSTRAINT ck_experiment_assignments_arm CHECK (arm IN ('control', 'treatment'))
);
COMMENT ON TABLE experiment_assignments IS 'One row per experiment and student: the arm a keyed hash put them in. A simulation: nobody is contacted by it.';
COMMENT ON COLUMN experiment_assignments.experiment_id IS 'The experiment.';
COMMENT ON COLUMN experiment_assignments.assigned_date IS 'The day whose risk scores chose the population.';
COMMENT ON COLUMN experiment_assignments.student_key IS 'The student''s pseudonym; who that is says student_keys, to those who may know.';
COMMENT ON COLUMN experiment_assignments.code_module IS 'Module.';
COMMENT ON COLUMN experiment_assignments.code_presentation IS 'Presentation, e.g. 2013J.';
COMMENT ON COLUMN experiment_assignments.risk_score IS 'Probability of failing or withdrawing.';
COMMENT ON COLUMN experiment_assignments.stratum IS 'Module and tenth of risk within which students were randomised.';
COMMENT ON COLUMN experiment_assignments.arm IS 'control or treatment.';
CREATE TABLE dim_course (
	course_key TEXT NOT NULL, 
	code_module TEXT NOT NULL, 
	code_presentation TEXT NOT NULL, 
	start_date DATE NOT NULL, 
	end_date DATE NOT NULL, 
	PRIMARY KEY (code_module, code_presentation)
);
COMMENT ON TABLE dim_course IS 'One row per module and presentation ever seen; rows stay, since the marts refer to them.';
COMMENT ON COLUMN dim_course.course_key IS 'Module and presentation, e.g. AAA-2013J.';
COMMENT ON COLUMN dim_course.code_module IS 'Module.';
COMMENT ON COLUMN dim_course.code_presentation IS 'Presentation, e.g. 2013J.';
COMMENT ON COLUMN dim_course.start_date IS 'First day.';
COMMENT ON COLUMN dim_course.end_date IS 'Last day.';
CREATE TABLE model_fairness_published (
	model_version TEXT NOT NULL, 
	evaluation TEXT NOT NULL, 
	tested_cohort TEXT NOT NULL, 
	day SMALLINT NOT NULL, 
	attribute TEXT NOT NULL, 
	group_name TEXT NOT NULL, 
	reference_group TEXT NOT NULL, 
	measure TEXT NOT NULL, 
	value DOUBLE PRECISION, 
	low DOUBLE PRECISION, 
	high DOUBLE PRECISION, 
	p_value DOUBLE PRECISION, 
	p_value_holm DOUBLE PRECISION, 
	known_from DATE NOT NULL, 
	PRIMARY KEY (model_version, evaluation, tested_cohort, day, attribute, group_name, measure), 
	CONSTRAINT ck_model_fairness_published_value CHECK (value >= -1.7976931348623157e+308 AND value <= 1.7976931348623157e+308), 
	CONSTRAINT ck_model_fairness_published_low CHECK (low >= -1.7976931348623157e+308 AND low <= 1.7976931348623157e+308), 
	CONSTRAINT ck_model_fairness_published_high CHECK (high >= -1.7976931348623157e+308 AND high <= 1.7976931348623157e+308), 
	CONSTRAINT ck_model_fairness_published_p_value CHECK (p_value >= 0 AND p_value <= 1), 
	CONSTRAINT ck_model_fairness_published_p_value_holm CHECK (p_value_holm >= 0 AND p_value_holm <= 1)
);
COMMENT ON TABLE model_fairness_published IS 'One row per model version, evaluation, tested cohort, day, attribute, group and measure: as counts of persons may be shown to many.';
COMMENT ON COLUMN model_fairness_published.model_version IS 'Which model, or ''rule'' before any cohort had closed.';
COMMENT ON COLUMN model_fairness_published.evaluation IS 'next_cohort, earlier_cohorts, or held_out (fits that never saw the student).';
COMMENT ON COLUMN model_fairness_published.tested_cohort IS 'The presentation code that was tested, or ''all''.';
COMMENT ON COLUMN model_fairness_published.day IS 'Day of the presentation, 0 = its first.';
COMMENT ON COLUMN model_fairness_published.attribute IS 'gender, age_band, imd_band, disability, or two joined by '' x ''.';
COMMENT ON COLUMN model_fairness_published.group_name IS 'The group.';
COMMENT ON COLUMN model_fairness_published.reference_group IS 'What it is compared with: everybody else in the same modules.';
COMMENT ON COLUMN model_fairness_published.measure IS 'abroca, tpr_gap, fpr_gap, mean_risk_gap (group minus rest), abroca_by_chance (its 95th percentile by chance).';
COMMENT ON COLUMN model_fairness_published.value IS 'The figure; absent where it is undefined (one class only).';
COMMENT ON COLUMN model_fairness_published.low IS '95 % interval, lower end; absent where none is given.';
COMMENT ON COLUMN model_fairness_published.high IS '95 % interval, upper end; absent where none is given.';
COMMENT ON COLUMN model_fairness_published.p_value IS 'Two-sided; by permutation within modules for abroca.';
COMMENT ON COLUMN model_fairness_published.p_value_holm IS 'Holm over the groups of a test and day, each measure by itself.';
COMMENT ON COLUMN model_fairness_published.known_from IS 'First day on which the figure was known: every outcome it rests on was.';
CREATE TABLE risk_alerts (
	alert_id TEXT NOT NULL, 
	alert_date DATE NOT NULL, 
	alert_type TEXT NOT NULL, 
	scope TEXT NOT NULL, 
	severity TEXT NOT NULL, 
	observed_value DOUBLE PRECISION, 
	limit_value DOUBLE PRECISION, 
	n_students INTEGER, 
	message TEXT NOT NULL, 
	PRIMARY KEY (alert_id), 
	CONSTRAINT ck_risk_alerts_alert_type CHECK (alert_type IN ('threshold', 'spike', 'drift', 'anomaly', 'data_quality', 'freshness', 'run_failure')), 
	CONSTRAINT ck_risk_alerts_severity CHECK (severity IN ('warning', 'critical')), 
	CONSTRAINT ck_risk_alerts_observed_value CHECK (observed_value >= -1.7976931348623157e+308 AND observed_value <= 1.7976931348623157e+308), 
	CONSTRAINT ck_risk_alerts_limit_value CHECK (limit_value >= -1.7976931348623157e+308 AND limit_value <= 1.7976931348623157e+308), 
	CONSTRAINT ck_risk_alerts_n_students CHECK (n_students >= 0)
);
CREATE INDEX ix_risk_alerts_alert_date ON risk_alerts (alert_date);
COMMENT ON TABLE risk_alerts IS 'One row per risk or drift alert: its type, scope and day. No row when nothing fires.';
COMMENT ON COLUMN risk_alerts.alert_id IS 'Type, scope and day, safe in a file name.';
COMMENT ON COLUMN risk_alerts.alert_date IS 'The day it is about.';
COMMENT ON COLUMN risk_alerts.alert_type IS 'What raised it.';
COMMENT ON COLUMN risk_alerts.scope IS '''all'', or what it is about: module-presentation, program, table, job.';
COMMENT ON COLUMN risk_alerts.severity IS 'How urgent it is.';
COMMENT ON COLUMN risk_alerts.observed_value IS 'What was measured.';
COMMENT ON COLUMN risk_alerts.limit_value IS 'The limit it is beyond.';
COMMENT ON COLUMN risk_alerts.n_students IS 'Enrolments it rests on, where it rests on some.';
COMMENT ON COLUMN risk_alerts.message IS 'One sentence for a person; no student is named.';
CREATE TABLE model_drift (
	run_date DATE NOT NULL, 
	code_module TEXT NOT NULL, 
	code_presentation TEXT NOT NULL, 
	day SMALLINT NOT NULL, 
	n_students INTEGER NOT NULL, 
	mean_risk DOUBLE PRECISION NOT NULL, 
	estimated_auc DOUBLE PRECISION, 
	reference_auc DOUBLE PRECISION, 
	proxy_auc DOUBLE PRECISION, 
	proxy_reference_auc DOUBLE PRECISION, 
	n_proxy INTEGER NOT NULL, 
	n_features_drifted INTEGER NOT NULL, 
	observed_value DOUBLE PRECISION, 
	limit_value DOUBLE PRECISION, 
	is_alarm BOOLEAN NOT NULL, 
	reason TEXT NOT NULL, 
	model_version TEXT NOT NULL, 
	PRIMARY KEY (run_date, code_module, code_presentation), 
	CONSTRAINT ck_model_drift_n_students CHECK (n_students >= 0), 
	CONSTRAINT ck_model_drift_mean_risk CHECK (mean_risk >= 0 AND mean_risk <= 1), 
	CONSTRAINT ck_model_drift_estimated_auc CHECK (estimated_auc >= 0 AND estimated_auc <= 1), 
	CONSTRAINT ck_model_drift_reference_auc CHECK (reference_auc >= 0 AND reference_auc <= 1), 
	CONSTRAINT ck_model_drift_proxy_auc CHECK (proxy_auc >= 0 AND proxy_auc <= 1), 
	CONSTRAINT ck_model_drift_proxy_reference_auc CHECK (proxy_reference_auc >= 0 AND proxy_reference_auc <= 1), 
	CONSTRAINT ck_model_drift_n_proxy CHECK (n_proxy >= 0), 
	CONSTRAINT ck_model_drift_n_features_drifted CHECK (n_features_drifted >= 0), 
	CONSTRAINT ck_model_drift_observed_value CHECK (observed_value >= -1.7976931348623157e+308 AND observed_value <= 1.7976931348623157e+308), 
	CONSTRAINT ck_model_drift_limit_value CHECK (limit_value >= -1.7976931348623157e+308 AND limit_value <= 1.7976931348623157e+308)
);
COMMENT ON TABLE model_drift IS 'One row per day and running presentation, and for all: how good the champion seems before any outcome is known.';
COMMENT ON COLUMN model_drift.run_date IS 'The day the figure was made for; it uses nothing dated that day or later.';
COMMENT ON COLUMN model_drift.code_module IS 'Module, or ''all''.';
COMMENT ON COLUMN model_drift.code_presentation IS 'Presentation, or ''all''.';
COMMENT ON COLUMN model_drift.day IS 'Day of the presentation, 0 = its first.';
COMMENT ON COLUMN model_drift.n_students IS 'Enrolments it rests on.';
COMMENT ON COLUMN model_drift.mean_risk IS 'Mean risk given.';
COMMENT ON COLUMN model_drift.estimated_auc IS 'AUC the scores promise if they are calibrated.';
COMMENT ON COLUMN model_drift.reference_auc IS 'AUC on the held-out students of the champion''s newest cohort, same course day.';
COMMENT ON COLUMN model_drift.proxy_auc IS 'AUC of the scores of 14 days ago on who has missed an assessment due since.';
COMMENT ON COLUMN model_drift.proxy_reference_auc IS 'Mean proxy AUC of the version on held-out students.';
COMMENT ON COLUMN model_drift.n_proxy IS 'Enrolments with an assessment due since then.';
COMMENT ON COLUMN model_drift.n_features_drifted IS 'Features above the PSI limit.';
COMMENT ON COLUMN model_drift.observed_value IS 'Strongest alarm: AUC shortfall or share of features.';
COMMENT ON COLUMN model_drift.limit_value IS 'The limit it is above.';
COMMENT ON COLUMN model_drift.is_alarm IS 'An alert is raised: the reason says why.';
COMMENT ON COLUMN model_drift.reason IS 'What drifted, a sentence; empty when nothing did.';
COMMENT ON COLUMN model_drift.model_version IS 'Which model, or ''rule'' before any cohort had closed.';
CREATE TABLE feature_drift (
	run_date DATE NOT NULL, 
	code_module TEXT NOT NULL, 
	code_presentation TEXT NOT NULL, 
	feature TEXT NOT NULL, 
	psi DOUBLE PRECISION, 
	ks DOUBLE PRECISION, 
	ks_p_value DOUBLE PRECISION, 
	missing_rate DOUBLE PRECISION NOT NULL, 
	missing_rate_reference DOUBLE PRECISION NOT NULL, 
	n_students INTEGER NOT NULL, 
	n_reference INTEGER NOT NULL, 
	reference_module TEXT NOT NULL, 
	reference_day SMALLINT NOT NULL, 
	reference_auc DOUBLE PRECISION, 
	model_version TEXT NOT NULL, 
	PRIMARY KEY (run_date, code_module, code_presentation, feature), 
	CONSTRAINT ck_feature_drift_psi CHECK (psi >= 0 AND psi <= 1.7976931348623157e+308), 
	CONSTRAINT ck_feature_drift_ks CHECK (ks >= 0 AND ks <= 1), 
	CONSTRAINT ck_feature_drift_ks_p_value CHECK (ks_p_value >= 0 AND ks_p_value <= 1), 
	CONSTRAINT ck_feature_drift_missing_rate CHECK (missing_rate >= 0 AND missing_rate <= 1), 
	CONSTRAINT ck_feature_drift_missing_rate_reference CHECK (missing_rate_reference >= 0 AND missing_rate_reference <= 1), 
	CONSTRAINT ck_feature_drift_n_students CHECK (n_students >= 0), 
	CONSTRAINT ck_feature_drift_n_reference CHECK (n_reference >= 0), 
	CONSTRAINT ck_feature_drift_reference_auc CHECK (reference_auc >= 0 AND reference_auc <= 1)
);
COMMENT ON TABLE feature_drift IS 'One row per day, running presentation and feature: how far its values lie from those learnt from at that course day.';
COMMENT ON COLUMN feature_drift.run_date IS 'The day the figure was made for; it uses nothing dated that day or later.';
COMMENT ON COLUMN feature_drift.code_module IS 'Module.';
COMMENT ON COLUMN feature_drift.code_presentation IS 'Presentation, e.g. 2013J.';
COMMENT ON COLUMN feature_drift.feature IS 'Feature of the catalogue.';
COMMENT ON COLUMN feature_drift.psi IS 'Population stability index over the tenths of the reference.';
COMMENT ON COLUMN feature_drift.ks IS 'Two-sample Kolmogorov-Smirnov distance.';
COMMENT ON COLUMN feature_drift.ks_p_value IS 'Its p-value.';
COMMENT ON COLUMN feature_drift.missing_rate IS 'Share of enrolments without a value.';
COMMENT ON COLUMN feature_drift.missing_rate_reference IS 'The same in the reference.';
COMMENT ON COLUMN feature_drift.n_students IS 'Enrolments it rests on.';
COMMENT ON COLUMN feature_drift.n_reference IS 'Enrolments of the reference.';
COMMENT ON COLUMN feature_drift.reference_module IS 'Module compared with, or ''all'' where it has under 150 rows.';
COMMENT ON COLUMN feature_drift.reference_day IS 'Course day compared at: the newest of the panel.';
COMMENT ON COLUMN feature_drift.reference_auc IS 'AUC of the feature alone on the reference''s outcomes.';
COMMENT ON COLUMN feature_drift.model_version IS 'Which model, or ''rule'' before any cohort had closed.';
CREATE TABLE feature_importance (
	model_version TEXT NOT NULL, 
	feature TEXT NOT NULL, 
	rank SMALLINT NOT NULL, 
	importance DOUBLE PRECISION NOT NULL, 
	correlation DOUBLE PRECISION, 
	missing_rate DOUBLE PRECISION NOT NULL, 
	n_students INTEGER NOT NULL, 
	method TEXT NOT NULL, 
	run_date DATE NOT NULL, 
	PRIMARY KEY (model_version, feature), 
	CONSTRAINT ck_feature_importance_rank CHECK (rank >= 1), 
	CONSTRAINT ck_feature_importance_importance CHECK (importance >= 0 AND importance <= 1.7976931348623157e+308), 
	CONSTRAINT ck_feature_importance_correlation CHECK (correlation >= -1 AND correlation <= 1), 
	CONSTRAINT ck_feature_importance_missing_rate CHECK (missing_rate >= 0 AND missing_rate <= 1), 
	CONSTRAINT ck_feature_importance_n_students CHECK (n_students >= 1)
);
COMMENT ON TABLE feature_importance IS 'One row per feature of the model in charge on the newest scored day: how much it moves the risk of the live enrolments.';
COMMENT ON COLUMN feature_importance.model_version IS 'Which model, or ''rule'' before any cohort had closed.';
COMMENT ON COLUMN feature_importance.feature IS 'Feature of the catalogue.';
COMMENT ON COLUMN feature_importance.rank IS '1 = the most important.';
COMMENT ON COLUMN feature_importance.importance IS 'Mean over the students of how far it moves the risk, as `method` says.';
COMMENT ON COLUMN feature_importance.correlation IS 'Rank correlation of value and push: above 0, larger values raise the risk; absent without variety.';
COMMENT ON COLUMN feature_importance.missing_rate IS 'Share of the students without a value.';
COMMENT ON COLUMN feature_importance.n_students IS 'Live enrolments it rests on.';
COMMENT ON COLUMN feature_importance.method IS 'mean |SHAP| and how it was computed, or permutation importance for a network.';
COMMENT ON COLUMN feature_importance.run_date IS 'The day the figure was made for; it uses nothing dated that day or later.';
CREATE TABLE model_champions (
	champion_from DATE NOT NULL, 
	model_version TEXT NOT NULL, 
	decided_by TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	PRIMARY KEY (champion_from)
);
COMMENT ON TABLE model_champions IS 'One row per day on which the model in charge changed: a score dated D uses the newest row not after D, the rule before any.';
COMMENT ON COLUMN model_champions.champion_from IS 'First day it is in charge.';
COMMENT ON COLUMN model_champions.model_version IS 'The version, or ''rule''.';
COMMENT ON COLUMN model_champions.decided_by IS 'A name, or ''gates''.';
COMMENT ON COLUMN model_champions.reason IS 'Why, a sentence.';
CREATE TABLE model_registry (
	model_version TEXT NOT NULL, 
	status TEXT NOT NULL, 
	backend TEXT NOT NULL, 
	learner TEXT NOT NULL, 
	trained_from DATE NOT NULL, 
	presentations TEXT NOT NULL, 
	n_rows INTEGER NOT NULL, 
	n_enrolments INTEGER NOT NULL, 
	base_rate DOUBLE PRECISION NOT NULL, 
	seed BIGINT NOT NULL, 
	data_sha256 TEXT NOT NULL, 
	champion_version TEXT NOT NULL, 
	auc_difference DOUBLE PRECISION, 
	difference_low DOUBLE PRECISION, 
	difference_high DOUBLE PRECISION, 
	ece DOUBLE PRECISION, 
	largest_module_gap DOUBLE PRECISION, 
	gates_failed TEXT NOT NULL, 
	decided_by TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	champion_from DATE, 
	PRIMARY KEY (model_version), 
	CONSTRAINT ck_model_registry_status CHECK (status IN ('candidate', 'champion', 'retired')), 
	CONSTRAINT ck_model_registry_n_rows CHECK (n_rows >= 0), 
	CONSTRAINT ck_model_registry_n_enrolments CHECK (n_enrolments >= 0), 
	CONSTRAINT ck_model_registry_base_rate CHECK (base_rate >= 0 AND base_rate <= 1), 
	CONSTRAINT ck_model_registry_auc_difference CHECK (auc_difference >= -1.7976931348623157e+308 AND auc_difference <= 1.7976931348623157e+308), 
	CONSTRAINT ck_model_registry_difference_low CHECK (difference_low >= -1.7976931348623157e+308 AND difference_low <= 1.7976931348623157e+308), 
	CONSTRAINT ck_model_registry_difference_high CHECK (difference_high >= -1.7976931348623157e+308 AND difference_high <= 1.7976931348623157e+308), 
	CONSTRAINT ck_model_registry_ece CHECK (ece >= 0 AND ece <= 1), 
	CONSTRAINT ck_model_registry_largest_module_gap CHECK (largest_module_gap >= 0 AND largest_module_gap <= 1.7976931348623157e+308)
);
COMMENT ON TABLE model_registry IS 'One row per model version: what it learnt from, how it did against the champion, and whether it is in charge.';
COMMENT ON COLUMN model_registry.model_version IS 'Which model, or ''rule'' before any cohort had closed.';
COMMENT ON COLUMN model_registry.status IS 'candidate: trained; champion: in charge now; retired: was once.';
COMMENT ON COLUMN model_registry.backend IS 'sklearn, pytorch or tensorflow.';
COMMENT ON COLUMN model_registry.learner IS 'blend (trees and a logistic model), logistic, or network.';
COMMENT ON COLUMN model_registry.trained_from IS 'First day it may score: every outcome it learnt from was known.';
COMMENT ON COLUMN model_registry.presentations IS 'Presentation codes it learnt from, comma-separated.';
COMMENT ON COLUMN model_registry.n_rows IS 'Training rows (enrolments x days).';
COMMENT ON COLUMN model_registry.n_enrolments IS 'Enrolments among them.';
COMMENT ON COLUMN model_registry.base_rate IS 'Share failed or withdrawn among the rows.';
COMMENT ON COLUMN model_registry.seed IS 'Seed of the fit.';
COMMENT ON COLUMN model_registry.data_sha256 IS 'SHA-256 of the training rows.';
COMMENT ON COLUMN model_registry.champion_version IS 'The version it was compared with; ''rule'' before any.';
COMMENT ON COLUMN model_registry.auc_difference IS 'Its AUC minus the champion''s on its newest cohort, nobody scored that it learnt from.';
COMMENT ON COLUMN model_registry.difference_low IS '95 % paired bootstrap interval, lower end.';
COMMENT ON COLUMN model_registry.difference_high IS '95 % paired bootstrap interval, upper end.';
COMMENT ON COLUMN model_registry.ece IS 'Largest expected calibration error of a course day there.';
COMMENT ON COLUMN model_registry.largest_module_gap IS 'Largest |mean risk - observed rate| of a module with 200 enrolments or more there.';
COMMENT ON COLUMN model_registry.gates_failed IS 'Gates that do not hold: difference, calibration, fairness; empty when all do.';
COMMENT ON COLUMN model_registry.decided_by IS 'Who promoted, rolled back or waived: a name, or ''gates''.';
COMMENT ON COLUMN model_registry.reason IS 'Why it is, or is not, in charge: a sentence.';
COMMENT ON COLUMN model_registry.champion_from IS 'First day it is or was in charge; absent if never.';
CREATE TABLE model_fairness (
	model_version TEXT NOT NULL, 
	evaluation TEXT NOT NULL, 
	tested_cohort TEXT NOT NULL, 
	day SMALLINT NOT NULL, 
	attribute TEXT NOT NULL, 
	group_name TEXT NOT NULL, 
	reference_group TEXT NOT NULL, 
	measure TEXT NOT NULL, 
	value DOUBLE PRECISION, 
	low DOUBLE PRECISION, 
	high DOUBLE PRECISION, 
	p_value DOUBLE PRECISION, 
	p_value_holm DOUBLE PRECISION, 
	n_students INTEGER NOT NULL, 
	n_positive INTEGER NOT NULL, 
	known_from DATE NOT NULL, 
	PRIMARY KEY (model_version, evaluation, tested_cohort, day, attribute, group_name, measure), 
	CONSTRAINT ck_model_fairness_value CHECK (value >= -1.7976931348623157e+308 AND value <= 1.7976931348623157e+308), 
	CONSTRAINT ck_model_fairness_low CHECK (low >= -1.7976931348623157e+308 AND low <= 1.7976931348623157e+308), 
	CONSTRAINT ck_model_fairness_high CHECK (high >= -1.7976931348623157e+308 AND high <= 1.7976931348623157e+308), 
	CONSTRAINT ck_model_fairness_p_value CHECK (p_value >= 0 AND p_value <= 1), 
	CONSTRAINT ck_model_fairness_p_value_holm CHECK (p_value_holm >= 0 AND p_value_holm <= 1), 
	CONSTRAINT ck_model_fairness_n_students CHECK (n_students >= 0), 
	CONSTRAINT ck_model_fairness_n_positive CHECK (n_positive >= 0)
);
COMMENT ON TABLE model_fairness IS 'One row per model version, evaluation, tested cohort, day, attribute, group and measure.';
COMMENT ON COLUMN model_fairness.model_version IS 'Which model, or ''rule'' before any cohort had closed.';
COMMENT ON COLUMN model_fairness.evaluation IS 'next_cohort, earlier_cohorts, or held_out (fits that never saw the student).';
COMMENT ON COLUMN model_fairness.tested_cohort IS 'The presentation code that was tested, or ''all''.';
COMMENT ON COLUMN model_fairness.day IS 'Day of the presentation, 0 = its first.';
COMMENT ON COLUMN model_fairness.attribute IS 'gender, age_band, imd_band, disability, or two joined by '' x ''.';
COMMENT ON COLUMN model_fairness.group_name IS 'The group.';
COMMENT ON COLUMN model_fairness.reference_group IS 'What it is compared with: everybody else in the same modules.';
COMMENT ON COLUMN model_fairness.measure IS 'abroca, tpr_gap, fpr_gap, mean_risk_gap (group minus rest), abroca_by_chance (its 95th percentile by chance).';
COMMENT ON COLUMN model_fairness.value IS 'The figure; absent where it is undefined (one class only).';
COMMENT ON COLUMN model_fairness.low IS '95 % interval, lower end; absent where none is given.';
COMMENT ON COLUMN model_fairness.high IS '95 % interval, upper end; absent where none is given.';
COMMENT ON COLUMN model_fairness.p_value IS 'Two-sided; by permutation within modules for abroca.';
COMMENT ON COLUMN model_fairness.p_value_holm IS 'Holm over the groups of a test and day, each measure by itself.';
COMMENT ON COLUMN model_fairness.n_students IS 'Enrolments of the group.';
COMMENT ON COLUMN model_fairness.n_positive IS 'Of these, failed or withdrew.';
COMMENT ON COLUMN model_fairness.known_from IS 'First day on which the figure was known: every outcome it rests on was.';
CREATE TABLE calibration_curve (
	model_version TEXT NOT NULL, 
	evaluation TEXT NOT NULL, 
	tested_cohort TEXT NOT NULL, 
	day SMALLINT NOT NULL, 
	bin SMALLINT NOT NULL, 
	mean_risk DOUBLE PRECISION NOT NULL, 
	observed_rate DOUBLE PRECISION NOT NULL, 
	low DOUBLE PRECISION NOT NULL, 
	high DOUBLE PRECISION NOT NULL, 
	n_students INTEGER NOT NULL, 
	known_from DATE NOT NULL, 
	PRIMARY KEY (model_version, evaluation, tested_cohort, day, bin), 
	CONSTRAINT ck_calibration_curve_bin CHECK (bin >= 1 AND bin <= 10), 
	CONSTRAINT ck_calibration_curve_mean_risk CHECK (mean_risk >= 0 AND mean_risk <= 1), 
	CONSTRAINT ck_calibration_curve_observed_rate CHECK (observed_rate >= 0 AND observed_rate <= 1), 
	CONSTRAINT ck_calibration_curve_low CHECK (low >= 0 AND low <= 1), 
	CONSTRAINT ck_calibration_curve_high CHECK (high >= 0 AND high <= 1), 
	CONSTRAINT ck_calibration_curve_n_students CHECK (n_students >= 0)
);
COMMENT ON TABLE calibration_curve IS 'One row per model version, evaluation, tested cohort, day and tenth of the enrolments by risk.';
COMMENT ON COLUMN calibration_curve.model_version IS 'Which model, or ''rule'' before any cohort had closed.';
COMMENT ON COLUMN calibration_curve.evaluation IS 'next_cohort, earlier_cohorts, split_week, or a rung of the leak ladder, as described in success.evaluation.';
COMMENT ON COLUMN calibration_curve.tested_cohort IS 'The presentation code that was tested, or ''all''.';
COMMENT ON COLUMN calibration_curve.day IS 'Day of the presentation, 0 = its first.';
COMMENT ON COLUMN calibration_curve.bin IS 'Tenth, 1 = the lowest risks.';
COMMENT ON COLUMN calibration_curve.mean_risk IS 'Mean risk given.';
COMMENT ON COLUMN calibration_curve.observed_rate IS 'Share that failed or withdrew.';
COMMENT ON COLUMN calibration_curve.low IS '95 % Wilson interval of it, lower end.';
COMMENT ON COLUMN calibration_curve.high IS '95 % Wilson interval of it, upper end.';
COMMENT ON COLUMN calibration_curve.n_students IS 'Enrolments it rests on.';
COMMENT ON COLUMN calibration_curve.known_from IS 'First day on which the figure was known: every outcome it rests on was.';
CREATE TABLE model_evaluation (
	model_version TEXT NOT NULL, 
	evaluation TEXT NOT NULL, 
	tested_cohort TEXT NOT NULL, 
	code_module TEXT NOT NULL, 
	day SMALLINT NOT NULL, 
	metric TEXT NOT NULL, 
	value DOUBLE PRECISION, 
	low DOUBLE PRECISION, 
	high DOUBLE PRECISION, 
	n_students INTEGER NOT NULL, 
	known_from DATE NOT NULL, 
	PRIMARY KEY (model_version, evaluation, tested_cohort, code_module, day, metric), 
	CONSTRAINT ck_model_evaluation_value CHECK (value >= -1.7976931348623157e+308 AND value <= 1.7976931348623157e+308), 
	CONSTRAINT ck_model_evaluation_low CHECK (low >= -1.7976931348623157e+308 AND low <= 1.7976931348623157e+308), 
	CONSTRAINT ck_model_evaluation_high CHECK (high >= -1.7976931348623157e+308 AND high <= 1.7976931348623157e+308), 
	CONSTRAINT ck_model_evaluation_n_students CHECK (n_students >= 0)
);
COMMENT ON TABLE model_evaluation IS 'One row per scorer, evaluation, tested cohort, module, day and metric.';
COMMENT ON COLUMN model_evaluation.model_version IS 'Which model, or the rule to beat: ''missed_assessment'', ''silent_7_days'', ''rule'' (either).';
COMMENT ON COLUMN model_evaluation.evaluation IS 'next_cohort, earlier_cohorts, split_week, or a rung of the leak ladder, as described in success.evaluation.';
COMMENT ON COLUMN model_evaluation.tested_cohort IS 'The presentation code that was tested, or ''all''.';
COMMENT ON COLUMN model_evaluation.code_module IS 'Module, or ''all''.';
COMMENT ON COLUMN model_evaluation.day IS 'Day of the presentation, 0 = its first.';
COMMENT ON COLUMN model_evaluation.metric IS 'auc, pr_auc, brier, ece, precision_at_10_pct, recall_at_10_pct, reach, lead_days, base_rate, ...';
COMMENT ON COLUMN model_evaluation.value IS 'The figure; absent where it is undefined (one class only).';
COMMENT ON COLUMN model_evaluation.low IS '95 % interval, lower end; absent where none is given.';
COMMENT ON COLUMN model_evaluation.high IS '95 % interval, upper end; absent where none is given.';
COMMENT ON COLUMN model_evaluation.n_students IS 'Enrolments it rests on.';
COMMENT ON COLUMN model_evaluation.known_from IS 'First day on which the figure was known: every outcome it rests on was.';
CREATE TABLE enrollment_forecast_published (
	as_of_date DATE NOT NULL, 
	scope TEXT NOT NULL, 
	name TEXT NOT NULL, 
	target_date DATE NOT NULL, 
	lead_days SMALLINT NOT NULL, 
	method TEXT NOT NULL, 
	is_used BOOLEAN NOT NULL, 
	is_census BOOLEAN NOT NULL, 
	expected DOUBLE PRECISION NOT NULL, 
	lower_80 DOUBLE PRECISION NOT NULL, 
	upper_80 DOUBLE PRECISION NOT NULL, 
	lower_95 DOUBLE PRECISION NOT NULL, 
	upper_95 DOUBLE PRECISION NOT NULL, 
	PRIMARY KEY (scope, name, target_date, method), 
	CONSTRAINT ck_enrollment_forecast_published_scope CHECK (scope IN ('total', 'division', 'program', 'level', 'term')), 
	CONSTRAINT ck_enrollment_forecast_published_lead_days CHECK (lead_days >= 1), 
	CONSTRAINT ck_enrollment_forecast_published_method CHECK (method IN ('pickup', 'naive', 'linear_regression', 'moving_average', 'ets', 'arima')), 
	CONSTRAINT ck_enrollment_forecast_published_expected CHECK (expected >= 0 AND expected <= 1.7976931348623157e+308), 
	CONSTRAINT ck_enrollment_forecast_published_lower_80 CHECK (lower_80 >= 0 AND lower_80 <= 1.7976931348623157e+308), 
	CONSTRAINT ck_enrollment_forecast_published_upper_80 CHECK (upper_80 >= 0 AND upper_80 <= 1.7976931348623157e+308), 
	CONSTRAINT ck_enrollment_forecast_published_lower_95 CHECK (lower_95 >= 0 AND lower_95 <= 1.7976931348623157e+308), 
	CONSTRAINT ck_enrollment_forecast_published_upper_95 CHECK (upper_95 >= 0 AND upper_95 <= 1.7976931348623157e+308)
);
COMMENT ON TABLE enrollment_forecast_published IS 'One row per scope, name, target day and method, made on the newest day; the method that is used is marked: as counts of persons may be shown to many.';
COMMENT ON COLUMN enrollment_forecast_published.as_of_date IS 'The newest day the figure knows of.';
COMMENT ON COLUMN enrollment_forecast_published.scope IS 'total, division, program, level or term (a program''s part in one term).';
COMMENT ON COLUMN enrollment_forecast_published.name IS 'Which division, program, level, or program and term; ''all'' for the total.';
COMMENT ON COLUMN enrollment_forecast_published.target_date IS 'The day that is forecast.';
COMMENT ON COLUMN enrollment_forecast_published.lead_days IS 'Days from the newest known day to the target.';
COMMENT ON COLUMN enrollment_forecast_published.method IS 'How it was forecast.';
COMMENT ON COLUMN enrollment_forecast_published.is_used IS 'Smallest error against naive in the backtest: at this lead, or over a daily path.';
COMMENT ON COLUMN enrollment_forecast_published.is_census IS 'The target is the census day of the term.';
COMMENT ON COLUMN enrollment_forecast_published.expected IS 'Expected enrolment.';
COMMENT ON COLUMN enrollment_forecast_published.lower_80 IS 'Lower end of the 80 % interval.';
COMMENT ON COLUMN enrollment_forecast_published.upper_80 IS 'Upper end of the 80 % interval.';
COMMENT ON COLUMN enrollment_forecast_published.lower_95 IS 'Lower end of the 95 % interval.';
COMMENT ON COLUMN enrollment_forecast_published.upper_95 IS 'Upper end of the 95 % interval.';
CREATE TABLE cohort_retention_published (
	term TEXT NOT NULL, 
	program TEXT NOT NULL, 
	week SMALLINT NOT NULL, 
	date DATE NOT NULL, 
	census_date DATE NOT NULL, 
	n_cohort INTEGER, 
	n_retained INTEGER, 
	retention_rate DOUBLE PRECISION, 
	PRIMARY KEY (term, program, week), 
	CONSTRAINT ck_cohort_retention_published_week CHECK (week >= 0), 
	CONSTRAINT ck_cohort_retention_published_n_cohort CHECK (n_cohort >= 0), 
	CONSTRAINT ck_cohort_retention_published_n_retained CHECK (n_retained >= 0), 
	CONSTRAINT ck_cohort_retention_published_retention_rate CHECK (retention_rate >= 0 AND retention_rate <= 1)
);
COMMENT ON TABLE cohort_retention_published IS 'One row per term, program and week after the term''s census day: how many of its census cohort are still here: as counts of persons may be shown to many.';
COMMENT ON COLUMN cohort_retention_published.term IS 'The term.';
COMMENT ON COLUMN cohort_retention_published.program IS 'The program, or ''all''.';
COMMENT ON COLUMN cohort_retention_published.week IS 'Weeks after the census day; 0 = the census day.';
COMMENT ON COLUMN cohort_retention_published.date IS 'The day of that week.';
COMMENT ON COLUMN cohort_retention_published.census_date IS 'The day on which the cohort was counted.';
COMMENT ON COLUMN cohort_retention_published.n_cohort IS 'Enrolments in the term''s census snapshot. Absent: withheld.';
COMMENT ON COLUMN cohort_retention_published.n_retained IS 'Of these, still enrolled in the same program, or completed it. Absent: withheld.';
COMMENT ON COLUMN cohort_retention_published.retention_rate IS 'n_retained / n_cohort. Absent: unknown, or withheld.';
CREATE TABLE enrollment_weeks_published (
	week_start DATE NOT NULL, 
	n_days SMALLINT NOT NULL, 
	new_students INTEGER, 
	dropped_students INTEGER, 
	PRIMARY KEY (week_start), 
	CONSTRAINT ck_enrollment_weeks_published_n_days CHECK (n_days >= 0 AND n_days <= 7), 
	CONSTRAINT ck_enrollment_weeks_published_new_students CHECK (new_students >= 0), 
	CONSTRAINT ck_enrollment_weeks_published_dropped_students CHECK (dropped_students >= 0)
);
COMMENT ON TABLE enrollment_weeks_published IS 'One row per week that is over: who came to and left the whole institution, as it may be shown to many.';
COMMENT ON COLUMN enrollment_weeks_published.week_start IS 'Its Monday.';
COMMENT ON COLUMN enrollment_weeks_published.n_days IS 'Days with a snapshot to compare with.';
COMMENT ON COLUMN enrollment_weeks_published.new_students IS 'Added or returned in the week. Absent: withheld.';
COMMENT ON COLUMN enrollment_weeks_published.dropped_students IS 'Left before their term''s end. Absent: withheld.';
CREATE TABLE enrollment_metrics_published (
	date DATE NOT NULL, 
	scope TEXT NOT NULL, 
	name TEXT NOT NULL, 
	total_enrollment INTEGER, 
	previous_date DATE, 
	new_students INTEGER, 
	returned_students INTEGER, 
	dropped_students INTEGER, 
	completed_students INTEGER, 
	baseline_students INTEGER, 
	moved_in INTEGER, 
	moved_out INTEGER, 
	term TEXT, 
	days_to_term_start INTEGER, 
	days_to_census INTEGER, 
	last_year_date DATE, 
	PRIMARY KEY (date, scope, name), 
	CONSTRAINT ck_enrollment_metrics_published_scope CHECK (scope IN ('total', 'division', 'program', 'level', 'term')), 
	CONSTRAINT ck_enrollment_metrics_published_total_enrollment CHECK (total_enrollment >= 0), 
	CONSTRAINT ck_enrollment_metrics_published_new_students CHECK (new_students >= 0), 
	CONSTRAINT ck_enrollment_metrics_published_returned_students CHECK (returned_students >= 0), 
	CONSTRAINT ck_enrollment_metrics_published_dropped_students CHECK (dropped_students >= 0), 
	CONSTRAINT ck_enrollment_metrics_published_completed_students CHECK (completed_students >= 0), 
	CONSTRAINT ck_enrollment_metrics_published_baseline_students CHECK (baseline_students >= 0), 
	CONSTRAINT ck_enrollment_metrics_published_moved_in CHECK (moved_in >= 0), 
	CONSTRAINT ck_enrollment_metrics_published_moved_out CHECK (moved_out >= 0)
);
COMMENT ON TABLE enrollment_metrics_published IS 'One row per day and scope: the whole institution, each division, program and level, each program''s part in a term: as counts of persons may be shown to many.';
COMMENT ON COLUMN enrollment_metrics_published.date IS 'The day.';
COMMENT ON COLUMN enrollment_metrics_published.scope IS 'total, division, program, level or term (a program''s part in one term).';
COMMENT ON COLUMN enrollment_metrics_published.name IS 'Which division, program, level, or program and term; ''all'' for the total.';
COMMENT ON COLUMN enrollment_metrics_published.total_enrollment IS 'Enrolments (student and program) in the snapshot. Absent: withheld.';
COMMENT ON COLUMN enrollment_metrics_published.previous_date IS 'The snapshot compared with: the last one before; absent on a baseline day.';
COMMENT ON COLUMN enrollment_metrics_published.new_students IS 'Added or returned; absent on a baseline day. Absent: withheld.';
COMMENT ON COLUMN enrollment_metrics_published.returned_students IS 'Of these, returned. Absent: withheld.';
COMMENT ON COLUMN enrollment_metrics_published.dropped_students IS 'Left before their term''s end. Absent: withheld.';
COMMENT ON COLUMN enrollment_metrics_published.completed_students IS 'Left because their term ended. Absent: withheld.';
COMMENT ON COLUMN enrollment_metrics_published.baseline_students IS 'Came with the first snapshot of their term: counted, not as new. Absent: withheld.';
COMMENT ON COLUMN enrollment_metrics_published.moved_in IS 'Came from another name of this scope; 0 for the total. Absent: withheld.';
COMMENT ON COLUMN enrollment_metrics_published.moved_out IS 'Went to another name of this scope; 0 for the total. Absent: withheld.';
COMMENT ON COLUMN enrollment_metrics_published.term IS 'The term the day is counted towards: the next to reach its census day.';
COMMENT ON COLUMN enrollment_metrics_published.days_to_term_start IS 'Days until that term''s first day; negative after it.';
COMMENT ON COLUMN enrollment_metrics_published.days_to_census IS 'Days until that term''s census day; negative after it.';
COMMENT ON COLUMN enrollment_metrics_published.last_year_date IS 'The day a year ago that was as many days before its term''s start.';
CREATE TABLE enrollment_alerts (
	alert_id TEXT NOT NULL, 
	alert_date DATE NOT NULL, 
	alert_type TEXT NOT NULL, 
	scope TEXT NOT NULL, 
	severity TEXT NOT NULL, 
	observed_value DOUBLE PRECISION, 
	limit_value DOUBLE PRECISION, 
	n_students INTEGER, 
	message TEXT NOT NULL, 
	PRIMARY KEY (alert_id), 
	CONSTRAINT ck_enrollment_alerts_alert_type CHECK (alert_type IN ('threshold', 'spike', 'drift', 'anomaly', 'data_quality', 'freshness', 'run_failure')), 
	CONSTRAINT ck_enrollment_alerts_severity CHECK (severity IN ('warning', 'critical')), 
	CONSTRAINT ck_enrollment_alerts_observed_value CHECK (observed_value >= -1.7976931348623157e+308 AND observed_value <= 1.7976931348623157e+308), 
	CONSTRAINT ck_enrollment_alerts_limit_value CHECK (limit_value >= -1.7976931348623157e+308 AND limit_value <= 1.7976931348623157e+308), 
	CONSTRAINT ck_enrollment_alerts_n_students CHECK (n_students >= 0)
);
CREATE INDEX ix_enrollment_alerts_alert_date ON enrollment_alerts (alert_date);
COMMENT ON TABLE enrollment_alerts IS 'One row per scope and day with an unusual enrolment figure. No row when none is.';
COMMENT ON COLUMN enrollment_alerts.alert_id IS 'Type, scope and day, safe in a file name.';
COMMENT ON COLUMN enrollment_alerts.alert_date IS 'The day it is about.';
COMMENT ON COLUMN enrollment_alerts.alert_type IS 'What raised it.';
COMMENT ON COLUMN enrollment_alerts.scope IS '''all'', or what it is about: module-presentation, program, table, job.';
COMMENT ON COLUMN enrollment_alerts.severity IS 'How urgent it is.';
COMMENT ON COLUMN enrollment_alerts.observed_value IS 'What was measured.';
COMMENT ON COLUMN enrollment_alerts.limit_value IS 'The limit it is beyond.';
COMMENT ON COLUMN enrollment_alerts.n_students IS 'Enrolments it rests on, where it rests on some.';
COMMENT ON COLUMN enrollment_alerts.message IS 'One sentence for a person; no student is named.';
CREATE TABLE anomaly_benchmark (
	detector TEXT NOT NULL, 
	fault TEXT NOT NULL, 
	n_injected INTEGER NOT NULL, 
	n_found INTEGER NOT NULL, 
	rate DOUBLE PRECISION, 
	PRIMARY KEY (detector, fault), 
	CONSTRAINT ck_anomaly_benchmark_detector CHECK (detector IN ('robust_seasonal', 'z_score', 'fixed_percent')), 
	CONSTRAINT ck_anomaly_benchmark_fault CHECK (fault IN ('half_load', 'double_load', 'missing_program', 'mass_drop', 'stuck_feed', 'none')), 
	CONSTRAINT ck_anomaly_benchmark_n_injected CHECK (n_injected >= 0), 
	CONSTRAINT ck_anomaly_benchmark_n_found CHECK (n_found >= 0), 
	CONSTRAINT ck_anomaly_benchmark_rate CHECK (rate >= 0 AND rate <= 1.7976931348623157e+308)
);
COMMENT ON TABLE anomaly_benchmark IS 'One row per detector and injected fault: how many of the faults it finds in this institution''s own history, one at a time.';
COMMENT ON COLUMN anomaly_benchmark.detector IS 'robust_seasonal is the one in use.';
COMMENT ON COLUMN anomaly_benchmark.fault IS 'What was injected; none: false alarms on the days as they were.';
COMMENT ON COLUMN anomaly_benchmark.n_injected IS 'Faults injected; for none, months (30 judged days) of a series.';
COMMENT ON COLUMN anomaly_benchmark.n_found IS 'Of these found; for none, days on which a series raised.';
COMMENT ON COLUMN anomaly_benchmark.rate IS 'Recall; for none, alarms a month and series.';
CREATE TABLE enrollment_anomalies (
	date DATE NOT NULL, 
	scope TEXT NOT NULL, 
	name TEXT NOT NULL, 
	measure TEXT NOT NULL, 
	observed DOUBLE PRECISION NOT NULL, 
	expected DOUBLE PRECISION NOT NULL, 
	lower DOUBLE PRECISION NOT NULL, 
	upper DOUBLE PRECISION NOT NULL, 
	score DOUBLE PRECISION NOT NULL, 
	is_anomaly BOOLEAN NOT NULL, 
	reason TEXT NOT NULL, 
	PRIMARY KEY (date, scope, name, measure), 
	CONSTRAINT ck_enrollment_anomalies_scope CHECK (scope IN ('total', 'division', 'program', 'level', 'term')), 
	CONSTRAINT ck_enrollment_anomalies_measure CHECK (measure IN ('total_enrollment', 'new_students', 'dropped_students')), 
	CONSTRAINT ck_enrollment_anomalies_observed CHECK (observed >= -1.7976931348623157e+308 AND observed <= 1.7976931348623157e+308), 
	CONSTRAINT ck_enrollment_anomalies_expected CHECK (expected >= -1.7976931348623157e+308 AND expected <= 1.7976931348623157e+308), 
	CONSTRAINT ck_enrollment_anomalies_lower CHECK (lower >= -1.7976931348623157e+308 AND lower <= 1.7976931348623157e+308), 
	CONSTRAINT ck_enrollment_anomalies_upper CHECK (upper >= -1.7976931348623157e+308 AND upper <= 1.7976931348623157e+308), 
	CONSTRAINT ck_enrollment_anomalies_score CHECK (score >= -1.7976931348623157e+308 AND score <= 1.7976931348623157e+308)
);
COMMENT ON TABLE enrollment_anomalies IS 'One row per day, scope, name and measure that could be judged: what was expected, and whether the day is unusual.';
COMMENT ON COLUMN enrollment_anomalies.date IS 'The day; it is judged by the days before it.';
COMMENT ON COLUMN enrollment_anomalies.scope IS 'total, division, program, level or term (a program''s part in one term).';
COMMENT ON COLUMN enrollment_anomalies.name IS 'Which division, program, level, or program and term; ''all'' for the total.';
COMMENT ON COLUMN enrollment_anomalies.measure IS 'Which figure of enrollment_metrics.';
COMMENT ON COLUMN enrollment_anomalies.observed IS 'The day''s figure.';
COMMENT ON COLUMN enrollment_anomalies.expected IS 'What days like this had.';
COMMENT ON COLUMN enrollment_anomalies.lower IS 'Lower end of the expected range.';
COMMENT ON COLUMN enrollment_anomalies.upper IS 'Upper end of the expected range.';
COMMENT ON COLUMN enrollment_anomalies.score IS 'Distance from the expected, in robust standard deviations of the square root.';
COMMENT ON COLUMN enrollment_anomalies.is_anomaly IS 'Outside the expected range; for the total also: no figure has changed for too long.';
COMMENT ON COLUMN enrollment_anomalies.reason IS 'Why it is unusual, in words; empty otherwise.';
CREATE TABLE enrollment_forecast (
	as_of_date DATE NOT NULL, 
	scope TEXT NOT NULL, 
	name TEXT NOT NULL, 
	target_date DATE NOT NULL, 
	lead_days SMALLINT NOT NULL, 
	method TEXT NOT NULL, 
	is_used BOOLEAN NOT NULL, 
	is_census BOOLEAN NOT NULL, 
	expected DOUBLE PRECISION NOT NULL, 
	lower_80 DOUBLE PRECISION NOT NULL, 
	upper_80 DOUBLE PRECISION NOT NULL, 
	lower_95 DOUBLE PRECISION NOT NULL, 
	upper_95 DOUBLE PRECISION NOT NULL, 
	PRIMARY KEY (scope, name, target_date, method), 
	CONSTRAINT ck_enrollment_forecast_scope CHECK (scope IN ('total', 'division', 'program', 'level', 'term')), 
	CONSTRAINT ck_enrollment_forecast_lead_days CHECK (lead_days >= 1), 
	CONSTRAINT ck_enrollment_forecast_method CHECK (method IN ('pickup', 'naive', 'linear_regression', 'moving_average', 'ets', 'arima')), 
	CONSTRAINT ck_enrollment_forecast_expected CHECK (expected >= 0 AND expected <= 1.7976931348623157e+308), 
	CONSTRAINT ck_enrollment_forecast_lower_80 CHECK (lower_80 >= 0 AND lower_80 <= 1.7976931348623157e+308), 
	CONSTRAINT ck_enrollment_forecast_upper_80 CHECK (upper_80 >= 0 AND upper_80 <= 1.7976931348623157e+308), 
	CONSTRAINT ck_enrollment_forecast_lower_95 CHECK (lower_95 >= 0 AND lower_95 <= 1.7976931348623157e+308), 
	CONSTRAINT ck_enrollment_forecast_upper_95 CHECK (upper_95 >= 0 AND upper_95 <= 1.7976931348623157e+308)
);
COMMENT ON TABLE enrollment_forecast IS 'One row per scope, name, target day and method, made on the newest day; the method that is used is marked.';
COMMENT ON COLUMN enrollment_forecast.as_of_date IS 'The newest day the figure knows of.';
COMMENT ON COLUMN enrollment_forecast.scope IS 'total, division, program, level or term (a program''s part in one term).';
COMMENT ON COLUMN enrollment_forecast.name IS 'Which division, program, level, or program and term; ''all'' for the total.';
COMMENT ON COLUMN enrollment_forecast.target_date IS 'The day that is forecast.';
COMMENT ON COLUMN enrollment_forecast.lead_days IS 'Days from the newest known day to the target.';
COMMENT ON COLUMN enrollment_forecast.method IS 'How it was forecast.';
COMMENT ON COLUMN enrollment_forecast.is_used IS 'Smallest error against naive in the backtest: at this lead, or over a daily path.';
COMMENT ON COLUMN enrollment_forecast.is_census IS 'The target is the census day of the term.';
COMMENT ON COLUMN enrollment_forecast.expected IS 'Expected enrolment.';
COMMENT ON COLUMN enrollment_forecast.lower_80 IS 'Lower end of the 80 % interval.';
COMMENT ON COLUMN enrollment_forecast.upper_80 IS 'Upper end of the 80 % interval.';
COMMENT ON COLUMN enrollment_forecast.lower_95 IS 'Lower end of the 95 % interval.';
COMMENT ON COLUMN enrollment_forecast.upper_95 IS 'Upper end of the 95 % interval.';
CREATE TABLE forecast_backtest (
	scope TEXT NOT NULL, 
	name TEXT NOT NULL, 
	target_date DATE NOT NULL, 
	lead_days SMALLINT NOT NULL, 
	method TEXT NOT NULL, 
	is_census BOOLEAN NOT NULL, 
	actual DOUBLE PRECISION NOT NULL, 
	expected DOUBLE PRECISION NOT NULL, 
	lower_80 DOUBLE PRECISION, 
	upper_80 DOUBLE PRECISION, 
	lower_95 DOUBLE PRECISION, 
	upper_95 DOUBLE PRECISION, 
	PRIMARY KEY (scope, name, target_date, lead_days, method), 
	CONSTRAINT ck_forecast_backtest_scope CHECK (scope IN ('total', 'division', 'program', 'level', 'term')), 
	CONSTRAINT ck_forecast_backtest_lead_days CHECK (lead_days >= 1), 
	CONSTRAINT ck_forecast_backtest_method CHECK (method IN ('pickup', 'naive', 'linear_regression', 'moving_average', 'ets', 'arima')), 
	CONSTRAINT ck_forecast_backtest_actual CHECK (actual >= 0 AND actual <= 1.7976931348623157e+308), 
	CONSTRAINT ck_forecast_backtest_expected CHECK (expected >= 0 AND expected <= 1.7976931348623157e+308), 
	CONSTRAINT ck_forecast_backtest_lower_80 CHECK (lower_80 >= 0 AND lower_80 <= 1.7976931348623157e+308), 
	CONSTRAINT ck_forecast_backtest_upper_80 CHECK (upper_80 >= 0 AND upper_80 <= 1.7976931348623157e+308), 
	CONSTRAINT ck_forecast_backtest_lower_95 CHECK (lower_95 >= 0 AND lower_95 <= 1.7976931348623157e+308), 
	CONSTRAINT ck_forecast_backtest_upper_95 CHECK (upper_95 >= 0 AND upper_95 <= 1.7976931348623157e+308)
);
COMMENT ON TABLE forecast_backtest IS 'One row per series, target day, lead and method: what would have been forecast then, and what came.';
COMMENT ON COLUMN forecast_backtest.scope IS 'total, division, program, level or term (a program''s part in one term).';
COMMENT ON COLUMN forecast_backtest.name IS 'Which division, program, level, or program and term; ''all'' for the total.';
COMMENT ON COLUMN forecast_backtest.target_date IS 'The day that is forecast.';
COMMENT ON COLUMN forecast_backtest.lead_days IS 'Days from the newest known day to the target.';
COMMENT ON COLUMN forecast_backtest.method IS 'How it was forecast.';
COMMENT ON COLUMN forecast_backtest.is_census IS 'The target was the census day of the term.';
COMMENT ON COLUMN forecast_backtest.actual IS 'What came.';
COMMENT ON COLUMN forecast_backtest.expected IS 'What would have been forecast, from what was known `lead_days` before.';
COMMENT ON COLUMN forecast_backtest.lower_80 IS 'Lower end of the 80 % interval. Absent while fewer than 3 errors were known.';
COMMENT ON COLUMN forecast_backtest.upper_80 IS 'Upper end of the 80 % interval. Absent while fewer than 3 errors were known.';
COMMENT ON COLUMN forecast_backtest.lower_95 IS 'Lower end of the 95 % interval. Absent while fewer than 3 errors were known.';
COMMENT ON COLUMN forecast_backtest.upper_95 IS 'Upper end of the 95 % interval. Absent while fewer than 3 errors were known.';
CREATE TABLE enrollment_trends (
	as_of_date DATE NOT NULL, 
	scope TEXT NOT NULL, 
	name TEXT NOT NULL, 
	window_days SMALLINT NOT NULL, 
	n_days SMALLINT NOT NULL, 
	slope_per_day DOUBLE PRECISION, 
	slope_lower DOUBLE PRECISION, 
	slope_upper DOUBLE PRECISION, 
	p_value DOUBLE PRECISION, 
	direction TEXT NOT NULL, 
	average_3_days DOUBLE PRECISION NOT NULL, 
	average_7_days DOUBLE PRECISION NOT NULL, 
	PRIMARY KEY (scope, name), 
	CONSTRAINT ck_enrollment_trends_scope CHECK (scope IN ('total', 'division', 'program', 'level', 'term')), 
	CONSTRAINT ck_enrollment_trends_window_days CHECK (window_days >= 1), 
	CONSTRAINT ck_enrollment_trends_n_days CHECK (n_days >= 1), 
	CONSTRAINT ck_enrollment_trends_slope_per_day CHECK (slope_per_day >= -1.7976931348623157e+308 AND slope_per_day <= 1.7976931348623157e+308), 
	CONSTRAINT ck_enrollment_trends_slope_lower CHECK (slope_lower >= -1.7976931348623157e+308 AND slope_lower <= 1.7976931348623157e+308), 
	CONSTRAINT ck_enrollment_trends_slope_upper CHECK (slope_upper >= -1.7976931348623157e+308 AND slope_upper <= 1.7976931348623157e+308), 
	CONSTRAINT ck_enrollment_trends_p_value CHECK (p_value >= 0 AND p_value <= 1), 
	CONSTRAINT ck_enrollment_trends_direction CHECK (direction IN ('rising', 'falling', 'steady', 'unknown')), 
	CONSTRAINT ck_enrollment_trends_average_3_days CHECK (average_3_days >= 0 AND average_3_days <= 1.7976931348623157e+308), 
	CONSTRAINT ck_enrollment_trends_average_7_days CHECK (average_7_days >= 0 AND average_7_days <= 1.7976931348623157e+308)
);
COMMENT ON TABLE enrollment_trends IS 'One row per scope and name: where its enrolment is heading, as of the newest day.';
COMMENT ON COLUMN enrollment_trends.as_of_date IS 'The newest day the figure knows of.';
COMMENT ON COLUMN enrollment_trends.scope IS 'total, division, program, level or term (a program''s part in one term).';
COMMENT ON COLUMN enrollment_trends.name IS 'Which division, program, level, or program and term; ''all'' for the total.';
COMMENT ON COLUMN enrollment_trends.window_days IS 'Days back that the slope looks at.';
COMMENT ON COLUMN enrollment_trends.n_days IS 'Days with a snapshot in the window.';
COMMENT ON COLUMN enrollment_trends.slope_per_day IS 'Least-squares slope on dates.';
COMMENT ON COLUMN enrollment_trends.slope_lower IS 'Lower end of its 95 % interval.';
COMMENT ON COLUMN enrollment_trends.slope_upper IS 'Upper end of its 95 % interval.';
COMMENT ON COLUMN enrollment_trends.p_value IS 'Of no slope; days follow one another, so autocorrelation is allowed for.';
COMMENT ON COLUMN enrollment_trends.direction IS 'rising or falling when the interval leaves 0 out, else steady.';
COMMENT ON COLUMN enrollment_trends.average_3_days IS 'Mean of the last 3 days.';
COMMENT ON COLUMN enrollment_trends.average_7_days IS 'Mean of the last 7 days.';
CREATE TABLE cohort_retention (
	term TEXT NOT NULL, 
	program TEXT NOT NULL, 
	week SMALLINT NOT NULL, 
	date DATE NOT NULL, 
	census_date DATE NOT NULL, 
	n_cohort INTEGER NOT NULL, 
	n_retained INTEGER NOT NULL, 
	retention_rate DOUBLE PRECISION NOT NULL, 
	PRIMARY KEY (term, program, week), 
	CONSTRAINT ck_cohort_retention_week CHECK (week >= 0), 
	CONSTRAINT ck_cohort_retention_n_cohort CHECK (n_cohort >= 1), 
	CONSTRAINT ck_cohort_retention_n_retained CHECK (n_retained >= 0), 
	CONSTRAINT ck_cohort_retention_retention_rate CHECK (retention_rate >= 0 AND retention_rate <= 1)
);
COMMENT ON TABLE cohort_retention IS 'One row per term, program and week after the term''s census day: how many of its census cohort are still here.';
COMMENT ON COLUMN cohort_retention.term IS 'The term.';
COMMENT ON COLUMN cohort_retention.program IS 'The program, or ''all''.';
COMMENT ON COLUMN cohort_retention.week IS 'Weeks after the census day; 0 = the census day.';
COMMENT ON COLUMN cohort_retention.date IS 'The day of that week.';
COMMENT ON COLUMN cohort_retention.census_date IS 'The day on which the cohort was counted.';
COMMENT ON COLUMN cohort_retention.n_cohort IS 'Enrolments in the term''s census snapshot.';
COMMENT ON COLUMN cohort_retention.n_retained IS 'Of these, still enrolled in the same program, or completed it.';
COMMENT ON COLUMN cohort_retention.retention_rate IS 'n_retained / n_cohort.';
CREATE TABLE custom_metrics (
	date DATE NOT NULL, 
	metric TEXT NOT NULL, 
	name TEXT NOT NULL, 
	value DOUBLE PRECISION, 
	PRIMARY KEY (date, metric, name), 
	CONSTRAINT ck_custom_metrics_value CHECK (value >= -1.7976931348623157e+308 AND value <= 1.7976931348623157e+308)
);
COMMENT ON TABLE custom_metrics IS 'One row per day, metric and name: figures from functions of the institution''s own (entry point oulad_platform.metrics).';
COMMENT ON COLUMN custom_metrics.date IS 'The day of the snapshot it was computed from.';
COMMENT ON COLUMN custom_metrics.metric IS 'The entry point''s name.';
COMMENT ON COLUMN custom_metrics.name IS 'What the figure is about, as the function says.';
COMMENT ON COLUMN custom_metrics.value IS 'The figure; absent where the function has none.';
CREATE TABLE enrollment_metrics (
	date DATE NOT NULL, 
	scope TEXT NOT NULL, 
	name TEXT NOT NULL, 
	total_enrollment INTEGER NOT NULL, 
	previous_date DATE, 
	new_students INTEGER, 
	returned_students INTEGER, 
	dropped_students INTEGER, 
	completed_students INTEGER, 
	baseline_students INTEGER, 
	moved_in INTEGER, 
	moved_out INTEGER, 
	net_change INTEGER, 
	retention_rate DOUBLE PRECISION, 
	persistence_rate DOUBLE PRECISION, 
	growth_rate DOUBLE PRECISION, 
	average_7_days DOUBLE PRECISION NOT NULL, 
	term TEXT, 
	days_to_term_start INTEGER, 
	days_to_census INTEGER, 
	last_year_date DATE, 
	last_year_enrollment INTEGER, 
	last_year_difference INTEGER, 
	PRIMARY KEY (date, scope, name), 
	CONSTRAINT ck_enrollment_metrics_scope CHECK (scope IN ('total', 'division', 'program', 'level', 'term')), 
	CONSTRAINT ck_enrollment_metrics_total_enrollment CHECK (total_enrollment >= 0), 
	CONSTRAINT ck_enrollment_metrics_new_students CHECK (new_students >= 0), 
	CONSTRAINT ck_enrollment_metrics_returned_students CHECK (returned_students >= 0), 
	CONSTRAINT ck_enrollment_metrics_dropped_students CHECK (dropped_students >= 0), 
	CONSTRAINT ck_enrollment_metrics_completed_students CHECK (completed_students >= 0), 
	CONSTRAINT ck_enrollment_metrics_baseline_students CHECK (baseline_students >= 0), 
	CONSTRAINT ck_enrollment_metrics_moved_in CHECK (moved_in >= 0), 
	CONSTRAINT ck_enrollment_metrics_moved_out CHECK (moved_out >= 0), 
	CONSTRAINT ck_enrollment_metrics_retention_rate CHECK (retention_rate >= 0 AND retention_rate <= 100), 
	CONSTRAINT ck_enrollment_metrics_persistence_rate CHECK (persistence_rate >= 0 AND persistence_rate <= 1), 
	CONSTRAINT ck_enrollment_metrics_growth_rate CHECK (growth_rate >= -1.7976931348623157e+308 AND growth_rate <= 1.7976931348623157e+308), 
	CONSTRAINT ck_enrollment_metrics_average_7_days CHECK (average_7_days >= 0 AND average_7_days <= 1.7976931348623157e+308), 
	CONSTRAINT ck_enrollment_metrics_last_year_enrollment CHECK (last_year_enrollment >= 0)
);
COMMENT ON TABLE enrollment_metrics IS 'One row per day and scope: the whole institution, each division, program and level, each program''s part in a term.';
COMMENT ON COLUMN enrollment_metrics.date IS 'The day.';
COMMENT ON COLUMN enrollment_metrics.scope IS 'total, division, program, level or term (a program''s part in one term).';
COMMENT ON COLUMN enrollment_metrics.name IS 'Which division, program, level, or program and term; ''all'' for the total.';
COMMENT ON COLUMN enrollment_metrics.total_enrollment IS 'Enrolments (student and program) in the snapshot.';
COMMENT ON COLUMN enrollment_metrics.previous_date IS 'The snapshot compared with: the last one before; absent on a baseline day.';
COMMENT ON COLUMN enrollment_metrics.new_students IS 'Added or returned; absent on a baseline day.';
COMMENT ON COLUMN enrollment_metrics.returned_students IS 'Of these, returned.';
COMMENT ON COLUMN enrollment_metrics.dropped_students IS 'Left before their term''s end.';
COMMENT ON COLUMN enrollment_metrics.completed_students IS 'Left because their term ended.';
COMMENT ON COLUMN enrollment_metrics.baseline_students IS 'Came with the first snapshot of their term: counted, not as new.';
COMMENT ON COLUMN enrollment_metrics.moved_in IS 'Came from another name of this scope; 0 for the total.';
COMMENT ON COLUMN enrollment_metrics.moved_out IS 'Went to another name of this scope; 0 for the total.';
COMMENT ON COLUMN enrollment_metrics.net_change IS 'new + baseline - dropped - completed + moved in - moved out.';
COMMENT ON COLUMN enrollment_metrics.retention_rate IS 'Of all enrolments of the snapshot before, those still here; completed ones count as not retained.';
COMMENT ON COLUMN enrollment_metrics.persistence_rate IS 'Of the enrolments of the snapshot before whose term goes on, the share still here; completed ones are left out.';
COMMENT ON COLUMN enrollment_metrics.growth_rate IS '(new - dropped + moved in - moved out) / enrolments of the snapshot before whose term goes on.';
COMMENT ON COLUMN enrollment_metrics.average_7_days IS 'Mean enrolment of the snapshots of this and the 6 days before.';
COMMENT ON COLUMN enrollment_metrics.term IS 'The term the day is counted towards: the next to reach its census day.';
COMMENT ON COLUMN enrollment_metrics.days_to_term_start IS 'Days until that term''s first day; negative after it.';
COMMENT ON COLUMN enrollment_metrics.days_to_census IS 'Days until that term''s census day; negative after it.';
COMMENT ON COLUMN enrollment_metrics.last_year_date IS 'The day a year ago that was as many days before its term''s start.';
COMMENT ON COLUMN enrollment_metrics.last_year_enrollment IS 'Enrolments of the same scope and name on that day.';
COMMENT ON COLUMN enrollment_metrics.last_year_difference IS 'Enrolments more than on that day.';
CREATE TABLE enrollment_deltas (
	snapshot_date DATE NOT NULL, 
	student_key TEXT NOT NULL, 
	program TEXT NOT NULL, 
	division TEXT NOT NULL, 
	change TEXT NOT NULL, 
	attribute TEXT NOT NULL, 
	from_value TEXT, 
	to_value TEXT, 
	PRIMARY KEY (snapshot_date, student_key, program, change, attribute), 
	CONSTRAINT ck_enrollment_deltas_change CHECK (change IN ('added', 'dropped', 'returned', 'moved', 'completed'))
);
COMMENT ON TABLE enrollment_deltas IS 'One row per student, program, day and kind of change since the snapshot before.';
COMMENT ON COLUMN enrollment_deltas.snapshot_date IS 'The later of the two days compared.';
COMMENT ON COLUMN enrollment_deltas.student_key IS 'The student''s pseudonym; who that is says student_keys, to those who may know.';
COMMENT ON COLUMN enrollment_deltas.program IS 'Program; for a move between programs the new one.';
COMMENT ON COLUMN enrollment_deltas.division IS 'Division of that program.';
COMMENT ON COLUMN enrollment_deltas.change IS 'added: new; returned: enrolled before, absent in the snapshot before; dropped: left before the term''s end; completed: the term ended; moved: an attribute changed.';
COMMENT ON COLUMN enrollment_deltas.attribute IS 'What a move changed (program, division, level, status); empty for other changes.';
COMMENT ON COLUMN enrollment_deltas.from_value IS 'The attribute before a move.';
COMMENT ON COLUMN enrollment_deltas.to_value IS 'The attribute after a move.';
CREATE TABLE data_quality_findings (
	snapshot_date DATE NOT NULL, 
	rule TEXT NOT NULL, 
	row INTEGER NOT NULL, 
	"column" TEXT NOT NULL, 
	value TEXT, 
	message TEXT NOT NULL, 
	is_blocking BOOLEAN NOT NULL, 
	PRIMARY KEY (snapshot_date, rule, row, "column"), 
	CONSTRAINT ck_data_quality_findings_rule CHECK (rule IN ('duplicate_id', 'missing_required', 'invalid_format', 'count_limit')), 
	CONSTRAINT ck_data_quality_findings_row CHECK (row >= 0)
);
COMMENT ON TABLE data_quality_findings IS 'One row per broken rule, row and column of a day''s extract; none when the extract is clean.';
COMMENT ON COLUMN data_quality_findings.snapshot_date IS 'The day the extract was taken for.';
COMMENT ON COLUMN data_quality_findings.rule IS 'Which kind of rule.';
COMMENT ON COLUMN data_quality_findings.row IS 'Row in the extract, the first is 1; 0 when the rule is about the extract as a whole.';
COMMENT ON COLUMN data_quality_findings."column" IS 'The column, or empty.';
COMMENT ON COLUMN data_quality_findings.value IS 'The value, masked; absent when it is missing.';
COMMENT ON COLUMN data_quality_findings.message IS 'What is wrong, in words.';
COMMENT ON COLUMN data_quality_findings.is_blocking IS 'The day was held back for this rule; otherwise the row was left out.';
SET LOCAL search_path = restricted, public;
CREATE TABLE opt_outs (
	student_key TEXT NOT NULL, 
	opted_out_on DATE NOT NULL, 
	PRIMARY KEY (student_key)
);
COMMENT ON TABLE opt_outs IS 'One row per student who is not to be scored, from a day on.';
COMMENT ON COLUMN opt_outs.student_key IS 'The student''s pseudonym; who that is says student_keys, to those who may know.';
COMMENT ON COLUMN opt_outs.opted_out_on IS 'From this day on nobody scores or lists them.';
SET LOCAL search_path = public, restricted;
SET LOCAL search_path = restricted, public;
CREATE TABLE advisers (
	adviser TEXT NOT NULL, 
	email TEXT, 
	code_module TEXT NOT NULL, 
	login TEXT, 
	capacity SMALLINT NOT NULL, 
	PRIMARY KEY (adviser, code_module), 
	CONSTRAINT ck_advisers_capacity CHECK (capacity >= 1)
);
COMMENT ON TABLE advisers IS 'One row per adviser, or module team, and module they look after.';
COMMENT ON COLUMN advisers.adviser IS 'Adviser or team; the file of their list is named after it.';
COMMENT ON COLUMN advisers.email IS 'Where their list is mailed; absent: it stays a file.';
COMMENT ON COLUMN advisers.code_module IS 'Module they look after; ''all'': every module.';
COMMENT ON COLUMN advisers.login IS 'Their account in the warehouse; absent: none.';
COMMENT ON COLUMN advisers.capacity IS 'Students they can contact a day, all their modules together.';
SET LOCAL search_path = public, restricted;
CREATE TABLE interventions (
	contact_id TEXT NOT NULL, 
	student_key TEXT NOT NULL, 
	contacted_on DATE NOT NULL, 
	adviser TEXT NOT NULL, 
	channel TEXT NOT NULL, 
	outcome TEXT NOT NULL, 
	PRIMARY KEY (contact_id), 
	CONSTRAINT ck_interventions_channel CHECK (channel IN ('call', 'e-mail', 'meeting', 'message')), 
	CONSTRAINT ck_interventions_outcome CHECK (outcome IN ('reached', 'not reached', 'declined'))
);
COMMENT ON TABLE interventions IS 'One row per contact, or attempt at one, with a student.';
COMMENT ON COLUMN interventions.contact_id IS 'The contact; made of student, day, adviser and channel where the source has none.';
COMMENT ON COLUMN interventions.student_key IS 'The student''s pseudonym; who that is says student_keys, to those who may know.';
COMMENT ON COLUMN interventions.contacted_on IS 'The day.';
COMMENT ON COLUMN interventions.adviser IS 'Who made it.';
COMMENT ON COLUMN interventions.channel IS 'How.';
COMMENT ON COLUMN interventions.outcome IS 'What came of it.';
CREATE TABLE caseload_daily (
	caseload_date DATE NOT NULL, 
	adviser TEXT NOT NULL, 
	position SMALLINT NOT NULL, 
	student_key TEXT NOT NULL, 
	code_module TEXT NOT NULL, 
	code_presentation TEXT NOT NULL, 
	other_modules TEXT, 
	risk_score DOUBLE PRECISION NOT NULL, 
	risk_change_7d DOUBLE PRECISION, 
	why TEXT NOT NULL, 
	why_now TEXT NOT NULL, 
	last_contact DATE, 
	suggested_action TEXT NOT NULL, 
	model_version TEXT NOT NULL, 
	PRIMARY KEY (caseload_date, student_key), 
	CONSTRAINT ck_caseload_daily_position CHECK (position >= 1), 
	CONSTRAINT ck_caseload_daily_risk_score CHECK (risk_score >= 0 AND risk_score <= 1), 
	CONSTRAINT ck_caseload_daily_risk_change_7d CHECK (risk_change_7d >= -1 AND risk_change_7d <= 1), 
	CONSTRAINT fk_caseload_daily_dim_course FOREIGN KEY(code_module, code_presentation) REFERENCES dim_course (code_module, code_presentation) DEFERRABLE INITIALLY DEFERRED
);
COMMENT ON TABLE caseload_daily IS 'One row per day and student to be contacted: by whom, in which place of their list, why, and why now.';
COMMENT ON COLUMN caseload_daily.caseload_date IS 'The day of the list; it uses nothing dated that day or later.';
COMMENT ON COLUMN caseload_daily.adviser IS 'Adviser or team whose list it is.';
COMMENT ON COLUMN caseload_daily.position IS 'Place in the adviser''s list, 1 = first.';
COMMENT ON COLUMN caseload_daily.student_key IS 'The student''s pseudonym; who that is says student_keys, to those who may know.';
COMMENT ON COLUMN caseload_daily.code_module IS 'Module.';
COMMENT ON COLUMN caseload_daily.code_presentation IS 'Presentation, e.g. 2013J.';
COMMENT ON COLUMN caseload_daily.other_modules IS 'The student''s other modules at high risk, comma-separated.';
COMMENT ON COLUMN caseload_daily.risk_score IS 'Probability of failing or withdrawing.';
COMMENT ON COLUMN caseload_daily.risk_change_7d IS 'Change of the risk in seven days.';
COMMENT ON COLUMN caseload_daily.why IS 'The strongest reasons, in sentences.';
COMMENT ON COLUMN caseload_daily.why_now IS 'What changed in the last days, in a sentence.';
COMMENT ON COLUMN caseload_daily.last_contact IS 'Day of the last contact of any outcome; absent: none on record.';
COMMENT ON COLUMN caseload_daily.suggested_action IS 'What to do first.';
COMMENT ON COLUMN caseload_daily.model_version IS 'Which model, or ''rule'' before any cohort had closed.';
CREATE TABLE course_summary_published (
	run_date DATE NOT NULL, 
	code_module TEXT NOT NULL, 
	code_presentation TEXT NOT NULL, 
	week SMALLINT NOT NULL, 
	student_count INTEGER, 
	avg_risk_score DOUBLE PRECISION, 
	n_high_risk INTEGER, 
	high_risk_rate DOUBLE PRECISION, 
	compared_risk DOUBLE PRECISION, 
	compared_risk_7d_ago DOUBLE PRECISION, 
	high_risk_rate_change_7d DOUBLE PRECISION, 
	model_version TEXT NOT NULL, 
	PRIMARY KEY (run_date, code_module, code_presentation), 
	CONSTRAINT ck_course_summary_published_student_count CHECK (student_count >= 0), 
	CONSTRAINT ck_course_summary_published_avg_risk_score CHECK (avg_risk_score >= 0 AND avg_risk_score <= 1), 
	CONSTRAINT ck_course_summary_published_n_high_risk CHECK (n_high_risk >= 0), 
	CONSTRAINT ck_course_summary_published_high_risk_rate CHECK (high_risk_rate >= 0 AND high_risk_rate <= 1), 
	CONSTRAINT ck_course_summary_published_compared_risk CHECK (compared_risk >= 0 AND compared_risk <= 1), 
	CONSTRAINT ck_course_summary_published_compared_risk_7d_ago CHECK (compared_risk_7d_ago >= 0 AND compared_risk_7d_ago <= 1), 
	CONSTRAINT ck_course_summary_published_high_risk_rate_change_7d CHECK (high_risk_rate_change_7d >= -1 AND high_risk_rate_change_7d <= 1), 
	CONSTRAINT fk_course_summary_published_dim_course FOREIGN KEY(code_module, code_presentation) REFERENCES dim_course (code_module, code_presentation) DEFERRABLE INITIALLY DEFERRED
);
COMMENT ON TABLE course_summary_published IS 'One row per module, presentation and day: as counts of persons may be shown to many.';
COMMENT ON COLUMN course_summary_published.run_date IS 'The day the figure was made for; it uses nothing dated that day or later.';
COMMENT ON COLUMN course_summary_published.code_module IS 'Module.';
COMMENT ON COLUMN course_summary_published.code_presentation IS 'Presentation, e.g. 2013J.';
COMMENT ON COLUMN course_summary_published.week IS 'Week of the presentation, 0 = its first.';
COMMENT ON COLUMN course_summary_published.student_count IS 'Live enrolments scored. Absent: withheld.';
COMMENT ON COLUMN course_summary_published.avg_risk_score IS 'Their mean risk. Absent: unknown, or withheld.';
COMMENT ON COLUMN course_summary_published.n_high_risk IS 'Of these, flagged high risk. Absent: withheld.';
COMMENT ON COLUMN course_summary_published.high_risk_rate IS 'Share flagged high risk. Absent: unknown, or withheld.';
COMMENT ON COLUMN course_summary_published.compared_risk IS 'Mean risk of the compared. Absent: unknown, or withheld.';
COMMENT ON COLUMN course_summary_published.compared_risk_7d_ago IS 'Their mean risk seven days before. Absent: unknown, or withheld.';
COMMENT ON COLUMN course_summary_published.high_risk_rate_change_7d IS 'Share of the compared flagged now less seven days before. Absent: unknown, or withheld.';
COMMENT ON COLUMN course_summary_published.model_version IS 'Which model, or ''rule'' before any cohort had closed.';
CREATE TABLE course_summary_daily (
	run_date DATE NOT NULL, 
	code_module TEXT NOT NULL, 
	code_presentation TEXT NOT NULL, 
	week SMALLINT NOT NULL, 
	student_count INTEGER NOT NULL, 
	avg_risk_score DOUBLE PRECISION NOT NULL, 
	n_high_risk INTEGER NOT NULL, 
	high_risk_rate DOUBLE PRECISION NOT NULL, 
	n_compared INTEGER NOT NULL, 
	compared_risk DOUBLE PRECISION, 
	compared_risk_7d_ago DOUBLE PRECISION, 
	high_risk_rate_change_7d DOUBLE PRECISION, 
	model_version TEXT NOT NULL, 
	PRIMARY KEY (run_date, code_module, code_presentation), 
	CONSTRAINT ck_course_summary_daily_student_count CHECK (student_count >= 1), 
	CONSTRAINT ck_course_summary_daily_avg_risk_score CHECK (avg_risk_score >= 0 AND avg_risk_score <= 1), 
	CONSTRAINT ck_course_summary_daily_n_high_risk CHECK (n_high_risk >= 0), 
	CONSTRAINT ck_course_summary_daily_high_risk_rate CHECK (high_risk_rate >= 0 AND high_risk_rate <= 1), 
	CONSTRAINT ck_course_summary_daily_n_compared CHECK (n_compared >= 0), 
	CONSTRAINT ck_course_summary_daily_compared_risk CHECK (compared_risk >= 0 AND compared_risk <= 1), 
	CONSTRAINT ck_course_summary_daily_compared_risk_7d_ago CHECK (compared_risk_7d_ago >= 0 AND compared_risk_7d_ago <= 1), 
	CONSTRAINT ck_course_summary_daily_high_risk_rate_change_7d CHECK (high_risk_rate_change_7d >= -1 AND high_risk_rate_change_7d <= 1), 
	CONSTRAINT fk_course_summary_daily_dim_course FOREIGN KEY(code_module, code_presentation) REFERENCES dim_course (code_module, code_presentation) DEFERRABLE INITIALLY DEFERRED
);
COMMENT ON TABLE course_summary_daily IS 'One row per module, presentation and day.';
COMMENT ON COLUMN course_summary_daily.run_date IS 'The day the figure was made for; it uses nothing dated that day or later.';
COMMENT ON COLUMN course_summary_daily.code_module IS 'Module.';
COMMENT ON COLUMN course_summary_daily.code_presentation IS 'Presentation, e.g. 2013J.';
COMMENT ON COLUMN course_summary_daily.week IS 'Week of the presentation, 0 = its first.';
COMMENT ON COLUMN course_summary_daily.student_count IS 'Live enrolments scored.';
COMMENT ON COLUMN course_summary_daily.avg_risk_score IS 'Their mean risk.';
COMMENT ON COLUMN course_summary_daily.n_high_risk IS 'Of these, flagged high risk.';
COMMENT ON COLUMN course_summary_daily.high_risk_rate IS 'Share flagged high risk.';
COMMENT ON COLUMN course_summary_daily.n_compared IS 'Of these, scored by the same model seven days before.';
COMMENT ON COLUMN course_summary_daily.compared_risk IS 'Mean risk of the compared.';
COMMENT ON COLUMN course_summary_daily.compared_risk_7d_ago IS 'Their mean risk seven days before.';
COMMENT ON COLUMN course_summary_daily.high_risk_rate_change_7d IS 'Share of the compared flagged now less seven days before.';
COMMENT ON COLUMN course_summary_daily.model_version IS 'Which model, or ''rule'' before any cohort had closed.';
CREATE TABLE student_risk_daily (
	run_date DATE NOT NULL, 
	student_key TEXT NOT NULL, 
	code_module TEXT NOT NULL, 
	code_presentation TEXT NOT NULL, 
	week SMALLINT NOT NULL, 
	day SMALLINT NOT NULL, 
	risk_score DOUBLE PRECISION NOT NULL, 
	risk_band TEXT NOT NULL, 
	high_risk_flag BOOLEAN NOT NULL, 
	risk_change_7d DOUBLE PRECISION, 
	reason_1 TEXT, 
	reason_2 TEXT, 
	reason_3 TEXT, 
	weekly_score_mean DOUBLE PRECISION, 
	cum_submissions SMALLINT NOT NULL, 
	model_version TEXT NOT NULL, 
	PRIMARY KEY (run_date, student_key, code_module, code_presentation), 
	CONSTRAINT ck_student_risk_daily_risk_score CHECK (risk_score >= 0 AND risk_score <= 1), 
	CONSTRAINT ck_student_risk_daily_risk_band CHECK (risk_band IN ('low', 'medium', 'high')), 
	CONSTRAINT ck_student_risk_daily_risk_change_7d CHECK (risk_change_7d >= -1 AND risk_change_7d <= 1), 
	CONSTRAINT ck_student_risk_daily_weekly_score_mean CHECK (weekly_score_mean >= 0 AND weekly_score_mean <= 100), 
	CONSTRAINT ck_student_risk_daily_cum_submissions CHECK (cum_submissions >= 0), 
	CONSTRAINT fk_student_risk_daily_dim_course FOREIGN KEY(code_module, code_presentation) REFERENCES dim_course (code_module, code_presentation) DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX ix_student_risk_daily_student_key_run_date ON student_risk_daily (student_key, run_date);
CREATE INDEX ix_student_risk_daily_code_module_code_presentation_run_date ON student_risk_daily (code_module, code_presentation, run_date);
COMMENT ON TABLE student_risk_daily IS 'One row per live enrolment and day: the risk of failing or withdrawing.';
COMMENT ON COLUMN student_risk_daily.run_date IS 'The day the figure was made for; it uses nothing dated that day or later.';
COMMENT ON COLUMN student_risk_daily.student_key IS 'The student''s pseudonym; who that is says student_keys, to those who may know.';
COMMENT ON COLUMN student_risk_daily.code_module IS 'Module.';
COMMENT ON COLUMN student_risk_daily.code_presentation IS 'Presentation, e.g. 2013J.';
COMMENT ON COLUMN student_risk_daily.week IS 'Week of the presentation, 0 = its first.';
COMMENT ON COLUMN student_risk_daily.day IS 'Day of the presentation, 0 = its first.';
COMMENT ON COLUMN student_risk_daily.risk_score IS 'Probability of failing or withdrawing.';
COMMENT ON COLUMN student_risk_daily.risk_band IS 'high: flagged; medium: above half of HIGH_RISK_THRESHOLD; low: the rest.';
COMMENT ON COLUMN student_risk_daily.high_risk_flag IS 'The score is above HIGH_RISK_THRESHOLD.';
COMMENT ON COLUMN student_risk_daily.risk_change_7d IS 'Risk less that of seven days before; absent unless the same model scored the enrolment then.';
COMMENT ON COLUMN student_risk_daily.reason_1 IS 'Why the risk is high, strongest first; absent: no such reason.';
COMMENT ON COLUMN student_risk_daily.reason_2 IS 'Why the risk is high, strongest first; absent: no such reason.';
COMMENT ON COLUMN student_risk_daily.reason_3 IS 'Why the risk is high, strongest first; absent: no such reason.';
COMMENT ON COLUMN student_risk_daily.weekly_score_mean IS 'Mean mark of what was handed in in the seven days before, exams and banked ones aside; absent: no mark.';
COMMENT ON COLUMN student_risk_daily.cum_submissions IS 'Assessments handed in so far, exams and banked ones aside.';
COMMENT ON COLUMN student_risk_daily.model_version IS 'Which model, or ''rule'' before any cohort had closed.';
