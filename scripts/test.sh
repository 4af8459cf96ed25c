#!/usr/bin/env bash
# Runs every test, one stage after the other, and ends with a summary; any failed stage makes the whole fail.
# Usage: scripts/test.sh [STAGE…]     stages: check rust panel browser; all of them when none is named
# A stage that fails does not stop the ones after it, so that one run shows everything that is wrong.
# shellcheck disable=SC2317  # the stages are called by name
set -uo pipefail
cd "$(dirname "$0")/.." || exit

stages=("$@")
[ ${#stages[@]} -gt 0 ] || stages=(check rust panel browser)
summary=""
passed=0
failed=0

run_stage() {
  local name=$1 started=$SECONDS result=passed
  printf '\n--- %s\n' "$name"
  if "stage_$name"; then
    passed=$((passed + 1))
  else
    result=FAILED
    failed=$((failed + 1))
  fi
  summary+=$(printf '  %-8s %s   %d min %02d s' "$name" "$result" $(((SECONDS - started) / 60)) $(((SECONDS - started) % 60)))$'\n'
}

stage_check() {
  scripts/setup.sh rust cc lint && scripts/check.sh
}

stage_rust() {
  scripts/setup.sh rust cc postgres versions &&
    cargo test -p tandem -p app -p server -p xtask --features app/ssr
}

stage_panel() {
  scripts/setup.sh rust cc wasm && scripts/build.sh dev
}

stage_browser() {
  [ -f end2end/package.json ] || {
    echo "there are no browser tests yet"
    return 0
  }
  scripts/setup.sh postgres chromium node && (cd end2end && npx --no-install playwright test)
}

for stage in "${stages[@]}"; do
  if ! declare -F "stage_$stage" >/dev/null; then
    echo "there is no stage '$stage'; stages: check rust panel browser" >&2
    exit 2
  fi
  run_stage "$stage"
done
printf '\n--- summary\n%sstages: %d passed, %d failed\n' "$summary" "$passed" "$failed"
[ "$failed" = 0 ]
