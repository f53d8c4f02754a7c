#!/bin/sh
# Dagster and boto3 read these from the environment only; the platform reads its own secrets from the folder itself.
set -eu
for name in dagster_database_url aws_access_key_id aws_secret_access_key; do
    file=${SECRETS_DIR:-/run/secrets}/$name
    [ -s "$file" ] || continue
    variable=$(echo "$name" | tr '[:lower:]' '[:upper:]')
    export "$variable=$(cat "$file")"
done
exec "$@"
