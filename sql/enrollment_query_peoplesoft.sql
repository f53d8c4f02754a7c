-- PeopleSoft Campus Solutions: one row per student and program enrolled at the start of :snapshot_date.
--
-- PS_STDNT_CAR_TERM   a student's career in a term         PS_STDNT_ENRL   classes: added and dropped when
-- PS_ACAD_PROG        program, by effective date           PS_NAMES        names, by effective date (PS_PERSON_NAME: today's)
-- PS_ACAD_PROG_TBL    programs and their group, likewise   PS_TERM_TBL     terms
--
-- A student is there with a class that was added by the day and not dropped before it, in a term that is not over, unless
-- withdrawn from the term before the day. Rows with an effective date after the day are not looked at; of those before it, the
-- latest counts, and on one date the highest sequence. Programs count while their status is AC (active).
--
-- To adapt: the schema (SYSADM.), the statuses that count, the name type, ACAD_CAREER or ACAD_LEVEL_BOT as level, the group's
-- description instead of its code. On Oracle dates hold no time here. Runs as it stands on PostgreSQL, MariaDB and SQLite.
SELECT e.EMPLID AS student_id,
       n.NAME_DISPLAY AS student_name,
       g.ACAD_GROUP AS division,
       e.ACAD_PROG AS program,
       e.ACAD_CAREER AS "level",
       CASE WHEN e.starts > :snapshot_date THEN 'registered' ELSE 'active' END AS status,
       e.STRM AS term,
       e.starts AS term_start_date,
       e.ends AS term_end_date
FROM (
    -- a student in several terms of a program: the latest that has started, else the latest to come
    SELECT held.EMPLID, held.ACAD_CAREER, held.INSTITUTION, held.STRM, held.ACAD_PROG, held.starts, held.ends,
           ROW_NUMBER() OVER (
               PARTITION BY held.EMPLID, held.ACAD_PROG
               ORDER BY CASE WHEN held.starts <= :snapshot_date THEN 0 ELSE 1 END, held.starts DESC, held.STRM DESC
           ) AS choice
    FROM (
        SELECT r.EMPLID, r.ACAD_CAREER, r.INSTITUTION, r.STRM, r.starts, r.ends,
               a.ACAD_PROG, a.PROG_STATUS,
               ROW_NUMBER() OVER (
                   PARTITION BY r.EMPLID, r.ACAD_CAREER, r.INSTITUTION, r.STRM, r.STDNT_CAR_NBR
                   ORDER BY a.EFFDT DESC, a.EFFSEQ DESC
               ) AS newest
        FROM (
            SELECT DISTINCT c.EMPLID, c.ACAD_CAREER, c.INSTITUTION, c.STRM, c.STDNT_CAR_NBR,
                   t.TERM_BEGIN_DT AS starts,
                   t.TERM_END_DT AS ends
            FROM PS_STDNT_CAR_TERM c
            JOIN PS_TERM_TBL t ON t.INSTITUTION = c.INSTITUTION AND t.ACAD_CAREER = c.ACAD_CAREER AND t.STRM = c.STRM
            JOIN PS_STDNT_ENRL s
              ON s.EMPLID = c.EMPLID AND s.ACAD_CAREER = c.ACAD_CAREER AND s.INSTITUTION = c.INSTITUTION AND s.STRM = c.STRM
            WHERE s.ENRL_ADD_DT <= :snapshot_date
              AND (s.STDNT_ENRL_STATUS = 'E' OR s.ENRL_DROP_DT >= :snapshot_date)
              AND (c.WITHDRAW_CODE = 'NWD' OR c.WITHDRAW_DATE >= :snapshot_date)
              AND t.TERM_END_DT >= :snapshot_date
        ) r
        JOIN PS_ACAD_PROG a
          ON a.EMPLID = r.EMPLID AND a.ACAD_CAREER = r.ACAD_CAREER AND a.INSTITUTION = r.INSTITUTION
         AND a.STDNT_CAR_NBR = r.STDNT_CAR_NBR AND a.EFFDT <= :snapshot_date
    ) held
    WHERE held.newest = 1 AND held.PROG_STATUS = 'AC'
) e
LEFT JOIN (
    SELECT p.INSTITUTION, p.ACAD_PROG, p.ACAD_GROUP,
           ROW_NUMBER() OVER (PARTITION BY p.INSTITUTION, p.ACAD_PROG ORDER BY p.EFFDT DESC) AS newest
    FROM PS_ACAD_PROG_TBL p
    WHERE p.EFFDT <= :snapshot_date
) g ON g.INSTITUTION = e.INSTITUTION AND g.ACAD_PROG = e.ACAD_PROG AND g.newest = 1
LEFT JOIN (
    SELECT m.EMPLID, m.NAME_DISPLAY, ROW_NUMBER() OVER (PARTITION BY m.EMPLID ORDER BY m.EFFDT DESC) AS newest
    FROM PS_NAMES m
    WHERE m.NAME_TYPE = 'PRI' AND m.EFF_STATUS = 'A' AND m.EFFDT <= :snapshot_date
) n ON n.EMPLID = e.EMPLID AND n.newest = 1
WHERE e.choice = 1
ORDER BY student_id, program
