-- Ellucian Banner: one row per student and program enrolled at the start of :snapshot_date.
--
-- SFRSTCR  course registrations      SGBSTDN  curriculum, effective from a term on      SPRIDEN  identity, current where
-- STVTERM  terms                     STVRSTS  which registration statuses count          SPRIDEN_CHANGE_IND is absent
-- STVCOLL  colleges
--
-- A student is there from the first registration in a term that counts (STVRSTS_INCL_SECT_ENRL = 'Y'), or counted until it was
-- dropped on or after the day. SFRSTCR keeps only the last status of a course: a course dropped and taken up again looks as
-- if it was never dropped. Where SFRSTCA, its history, is kept in full, read that instead.
--
-- To adapt: the schemas (SATURN., on Oracle put them before the names), the statuses of SGBSTDN that count, a second program.
-- The name is the last name, since databases disagree on joining texts; on Oracle write
-- SPRIDEN_LAST_NAME || ', ' || SPRIDEN_FIRST_NAME. Oracle dates hold a time of day: write TRUNC(SFRSTCR_ADD_DATE).
-- Runs as it stands on PostgreSQL, MariaDB and SQLite.
SELECT p.SPRIDEN_ID AS student_id,
       p.SPRIDEN_LAST_NAME AS student_name,
       COALESCE(c.STVCOLL_DESC, e.college) AS division,
       e.program AS program,
       e.level_code AS "level",
       CASE WHEN e.starts > :snapshot_date THEN 'registered' ELSE 'active' END AS status,
       e.term AS term,
       e.starts AS term_start_date,
       e.ends AS term_end_date
FROM (
    -- a student in several terms of a program: the latest that has started, else the latest to come
    SELECT held.pidm, held.term, held.starts, held.ends, held.program, held.college, held.level_code,
           ROW_NUMBER() OVER (
               PARTITION BY held.pidm, held.program
               ORDER BY CASE WHEN held.starts <= :snapshot_date THEN 0 ELSE 1 END, held.starts DESC, held.term DESC
           ) AS choice
    FROM (
        -- the curriculum of a term is the one with the latest effective term up to it
        SELECT r.pidm, r.term, r.starts, r.ends,
               s.SGBSTDN_PROGRAM_1 AS program,
               s.SGBSTDN_COLL_CODE_1 AS college,
               s.SGBSTDN_LEVL_CODE AS level_code,
               s.SGBSTDN_STST_CODE AS student_status,
               ROW_NUMBER() OVER (PARTITION BY r.pidm, r.term ORDER BY s.SGBSTDN_TERM_CODE_EFF DESC) AS newest
        FROM (
            SELECT DISTINCT
                   f.SFRSTCR_PIDM AS pidm,
                   f.SFRSTCR_TERM_CODE AS term,
                   t.STVTERM_START_DATE AS starts,
                   t.STVTERM_END_DATE AS ends
            FROM SFRSTCR f
            JOIN STVTERM t ON t.STVTERM_CODE = f.SFRSTCR_TERM_CODE
            JOIN STVRSTS v ON v.STVRSTS_CODE = f.SFRSTCR_RSTS_CODE
            WHERE f.SFRSTCR_ADD_DATE <= :snapshot_date
              AND (v.STVRSTS_INCL_SECT_ENRL = 'Y' OR f.SFRSTCR_RSTS_DATE >= :snapshot_date)
              AND t.STVTERM_END_DATE >= :snapshot_date
        ) r
        JOIN SGBSTDN s ON s.SGBSTDN_PIDM = r.pidm AND s.SGBSTDN_TERM_CODE_EFF <= r.term
    ) held
    WHERE held.newest = 1 AND held.student_status = 'AS'
) e
LEFT JOIN SPRIDEN p ON p.SPRIDEN_PIDM = e.pidm AND p.SPRIDEN_CHANGE_IND IS NULL AND p.SPRIDEN_ENTITY_IND = 'P'
LEFT JOIN STVCOLL c ON c.STVCOLL_CODE = e.college
WHERE e.choice = 1
ORDER BY student_id, program
