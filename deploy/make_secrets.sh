#!/bin/sh
# Fills a folder with one file per secret; what is there already stays. Passwords are random, 192 bits each.
#   sh deploy/make_secrets.sh secrets
# The files are read by the containers' users (10001, and 70 in PostgreSQL's), so they are 0444; the folder itself is closed.
set -eu
folder=${1:?name a folder}
[ -d "$folder" ] || (umask 077 && mkdir -p "$folder")

random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }

keep() {
    [ -e "$folder/$1" ] && return
    printf '%s' "$2" >"$folder/$1.new"
    chmod 0444 "$folder/$1.new"
    mv "$folder/$1.new" "$folder/$1"
}

keep postgres_password "$(random)"
keep database_owner_url "postgresql://oulad_migrator:$(random)@postgres:5432/oulad"
keep database_url "postgresql://oulad:$(random)@postgres:5432/oulad"
keep dagster_database_url "postgresql://dagster:$(random)@postgres:5432/dagster"
keep pseudonym_key "$(random)"
keep aws_access_key_id "oulad$(random | cut -c 1-15)"
keep aws_secret_access_key "$(random | cut -c 1-40)"
# yours to fill in; empty: none
for name in pseudonym_old_keys enrollment_db_url enrollment_api_token smtp_password alert_urls; do keep "$name" ""; done
