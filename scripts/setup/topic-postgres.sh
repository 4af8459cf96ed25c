# shellcheck shell=bash
# PostgreSQL's server and client programs. The demo and the tests start servers of their own with them; the
# cluster that Debian makes at installation is not used.

setup_postgres() {
  local folder
  for folder in "${TANDEM_PG_BIN:-}" /usr/lib/postgresql/*/bin $(path_of initdb); do
    if [ -x "$folder/initdb" ] && [ -x "$folder/postgres" ] && [ -x "$folder/pg_dump" ]; then
      return
    fi
  done
  install "PostgreSQL, of which the demo and the tests start servers of their own" \
    "PostgreSQL 13 or newer, server and client (macOS: brew install postgresql@17)" postgresql
}

path_of() {
  local program
  program=$(command -v "$1") && dirname "$(readlink -f "$program")"
}
