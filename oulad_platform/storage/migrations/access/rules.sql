CREATE SCHEMA IF NOT EXISTS restricted;
REVOKE ALL ON SCHEMA public, restricted FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public, restricted TO oulad_owner;
GRANT USAGE ON SCHEMA public TO oulad_writer, oulad_bi_reader, oulad_adviser, oulad_registrar;
GRANT USAGE ON SCHEMA restricted TO oulad_writer, oulad_adviser, oulad_registrar;
DO $$ BEGIN
    EXECUTE format('REVOKE CREATE, TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO oulad_owner, oulad_writer, oulad_bi_reader, oulad_adviser, oulad_registrar', current_database());
    EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO oulad_owner, oulad_writer', current_database());
END $$;
ALTER DEFAULT PRIVILEGES FOR ROLE oulad_owner, CURRENT_USER REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE oulad_owner, CURRENT_USER IN SCHEMA public, restricted
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO oulad_writer;
CREATE TABLE IF NOT EXISTS restricted.read_audit (
    read_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    read_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    account text NOT NULL,
    table_name text NOT NULL,
    statement text NOT NULL
);
COMMENT ON TABLE restricted.read_audit IS 'One row per statement and table that says who is who, or that an adviser read.';
CREATE OR REPLACE FUNCTION restricted.note_read(about text) RETURNS boolean
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO restricted.read_audit (account, table_name, statement)
        VALUES (session_user, about, left(current_query(), 500));
    RAISE LOG 'oulad read audit: % reads %', session_user, about;
    RETURN true;
END $$;
CREATE OR REPLACE FUNCTION restricted.append_only() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'read_audit is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON restricted.read_audit
    FOR EACH STATEMENT EXECUTE FUNCTION restricted.append_only();
CREATE OR REPLACE FUNCTION restricted.own_advisers() RETURNS SETOF text
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT adviser FROM restricted.advisers WHERE login = session_user
$$;
CREATE OR REPLACE FUNCTION restricted.own_students() RETURNS SETOF text
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT student_key FROM public.caseload_daily WHERE adviser IN (SELECT restricted.own_advisers())
$$;
CREATE OR REPLACE VIEW restricted.my_caseload WITH (security_invoker = true) AS
    SELECT k.student_id, c.* FROM public.caseload_daily AS c JOIN restricted.student_keys AS k USING (student_key);
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA restricted FROM PUBLIC, oulad_writer, oulad_bi_reader, oulad_adviser, oulad_registrar;
GRANT EXECUTE ON FUNCTION restricted.note_read(text) TO oulad_writer, oulad_adviser, oulad_registrar;
GRANT EXECUTE ON FUNCTION restricted.own_advisers(), restricted.own_students() TO oulad_adviser;
REVOKE ALL ON restricted.read_audit, restricted.my_caseload FROM PUBLIC, oulad_writer, oulad_bi_reader, oulad_adviser, oulad_registrar;
GRANT SELECT ON restricted.read_audit TO oulad_registrar;
GRANT SELECT ON restricted.my_caseload TO oulad_adviser;
REVOKE ALL ON alembic_version FROM PUBLIC, oulad_writer, oulad_bi_reader, oulad_adviser, oulad_registrar;
GRANT SELECT ON alembic_version TO oulad_writer;
