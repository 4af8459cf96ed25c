#!/usr/bin/env bash
# Runs the demo, and builds and starts it again whenever a source file changes. Needs no tool to watch files: it looks
# once a second. A build that fails leaves the running demo alone.
set -euo pipefail
cd "$(dirname "$0")/.."

TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}
SOURCES=(src app frontend server style public Cargo.toml Cargo.lock)
mark=$(mktemp)
demo=""

stop_demo() {
  [ -n "$demo" ] || return 0
  kill -INT "$demo" 2>/dev/null || true
  wait "$demo" || true
  demo=""
}
trap 'stop_demo; rm -f "$mark"' EXIT
trap 'exit 0' INT TERM

while true; do
  touch "$mark"
  if scripts/build.sh dev; then
    stop_demo
    "$TARGET_DIR/debug/tandem" demo &
    demo=$!
  fi
  until [ -n "$(find "${SOURCES[@]}" -newer "$mark" -type f -print -quit 2>/dev/null)" ]; do
    sleep 1
  done
  echo "dev: something changed"
done
