#!/bin/sh
# Run once by PostgreSQL's image, in an empty cluster, as its superuser: accounts and databases as the three addresses in
# /run/secrets name them. Tables, and what each role may do, come with `oulad migrate`.
set -eu
secrets=${SECRETS_DIR:-/run/secrets}

account() { sed -E 's#^[a-z0-9+]+://([^:/@]+):[^@]*@.*#\1#' "$secrets/$1"; }
password() { sed -E 's#^[a-z0-9+]+://[^:/@]+:([^@]*)@.*#\1#' "$secrets/$1"; }
database() { sed -E 's#^.*/([^/?]+)(\?.*)?$#\1#' "$secrets/$1"; }

for name in database_owner_url database_url dagster_database_url; do
    case "$(account "$name")$(password "$name")$(database "$name")" in
    *[!A-Za-z0-9_]*)
        echo "$secrets/$name: account, password and database must be letters, digits and _ here" >&2
        exit 1
        ;;
    esac
done

psql -v ON_ERROR_STOP=1 -q --username "${POSTGRES_USER:-postgres}" --dbname postgres <<SQL
CREATE ROLE oulad_owner NOLOGIN;
CREATE ROLE oulad_writer NOLOGIN;
CREATE ROLE $(account database_owner_url) LOGIN CREATEROLE PASSWORD '$(password database_owner_url)';
CREATE ROLE $(account database_url) LOGIN PASSWORD '$(password database_url)';
CREATE ROLE $(account dagster_database_url) LOGIN PASSWORD '$(password dagster_database_url)';
GRANT oulad_owner, oulad_writer TO $(account database_owner_url) WITH ADMIN OPTION;
GRANT oulad_writer TO $(account database_url);
GRANT $(account database_owner_url), $(account dagster_database_url) TO CURRENT_USER;
CREATE DATABASE $(database database_owner_url) OWNER $(account database_owner_url);
CREATE DATABASE $(database dagster_database_url) OWNER $(account dagster_database_url);
REVOKE ALL ON DATABASE $(database dagster_database_url) FROM PUBLIC;
GRANT CONNECT ON DATABASE $(database database_owner_url) TO oulad_writer;
REVOKE $(account database_owner_url), $(account dagster_database_url) FROM CURRENT_USER;
SQL
