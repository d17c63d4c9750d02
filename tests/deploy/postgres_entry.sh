#!/bin/bash
# What the official image of PostgreSQL does with the variables that compose.yaml gives it, for the tests' own image.
set -euo pipefail
data=/var/lib/postgresql/data
programs=/usr/lib/postgresql/15/bin
chown postgres:postgres "$data"
as_postgres() { setpriv --reuid postgres --regid postgres --init-groups "$@"; }
if [[ ! -f $data/PG_VERSION ]]; then
  install -o postgres -m 600 "$POSTGRES_PASSWORD_FILE" /tmp/password
  as_postgres "$programs/initdb" -D "$data" -U "$POSTGRES_USER" --pwfile /tmp/password --auth-host scram-sha-256 --auth-local trust
  echo 'host all all all scram-sha-256' >>"$data/pg_hba.conf"
  as_postgres "$programs/pg_ctl" -D "$data" -w -o '-c listen_addresses= -k /tmp' start
  as_postgres "$programs/createdb" -h /tmp -U "$POSTGRES_USER" "$POSTGRES_DB"
  as_postgres "$programs/pg_ctl" -D "$data" -w stop
fi
shift  # "postgres"
exec setpriv --reuid postgres --regid postgres --init-groups "$programs/postgres" -D "$data" -c 'listen_addresses=*' -k /tmp "$@"
