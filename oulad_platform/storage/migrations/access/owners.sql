DO $$ DECLARE relation regclass; kind text; BEGIN
    FOR relation, kind IN
        SELECT c.oid, CASE c.relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END FROM pg_class AS c
        WHERE c.relkind IN ('r', 'v') AND c.relowner <> 'oulad_owner'::regrole
            AND c.oid = ANY (ARRAY[{relations}]::regclass[])
    LOOP EXECUTE format('ALTER %s %s OWNER TO oulad_owner', kind, relation); END LOOP;
    FOR relation IN SELECT p.oid FROM pg_proc AS p
        WHERE p.pronamespace = 'restricted'::regnamespace AND p.proowner <> 'oulad_owner'::regrole
    LOOP EXECUTE format('ALTER FUNCTION %s OWNER TO oulad_owner', relation::oid::regprocedure); END LOOP;
    IF (SELECT nspowner FROM pg_namespace WHERE nspname = 'restricted') <> 'oulad_owner'::regrole THEN
        ALTER SCHEMA restricted OWNER TO oulad_owner;
    END IF;
END $$;
