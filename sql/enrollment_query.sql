-- One row per student and program enrolled at the start of :snapshot_date, from one table of enrolments with dates.
--
-- To adapt: the table `enrollments` and its columns. It has one row per student, program and term; left_on is the day of leaving,
-- absent while the student is there. Columns can also be named under registrar.columns, or given under registrar.constants.
-- CAST identifiers that are stored as decimals to text. Without :snapshot_date the query describes now and no other day.
-- Runs as it stands on PostgreSQL, MariaDB and SQLite; written so that MySQL 8, SQL Server and Oracle take it too.
SELECT student_id,
       student_name,
       division,
       program,
       level_of_study AS "level",
       CASE WHEN term_start_date > :snapshot_date THEN 'registered' ELSE 'active' END AS status,
       term,
       term_start_date,
       term_end_date,
       first_enrolled_date
FROM (
    SELECT e.student_id,
           e.student_name,
           e.division,
           e.program,
           e.level_of_study,
           e.term,
           e.term_start_date,
           e.term_end_date,
           (
               SELECT MIN(f.enrolled_on)
               FROM enrollments f
               WHERE f.student_id = e.student_id AND f.program = e.program
           ) AS first_enrolled_date,
           -- a student in several terms of a program: the latest that has started, else the latest to come
           ROW_NUMBER() OVER (
               PARTITION BY e.student_id, e.program
               ORDER BY CASE WHEN e.term_start_date <= :snapshot_date THEN 0 ELSE 1 END, e.term_start_date DESC, e.term DESC
           ) AS choice
    FROM enrollments e
    WHERE e.enrolled_on <= :snapshot_date
      AND (e.left_on IS NULL OR e.left_on >= :snapshot_date)
      AND e.term_end_date >= :snapshot_date
) chosen
WHERE choice = 1
ORDER BY student_id, program
