#!/usr/bin/env bash
# Installs what is missing for the given topics, says what and why, and does nothing when nothing is missing.
# Usage: scripts/setup.sh TOPIC…     topics: rust cc lint wasm postgres versions chromium node
#
# Only two things are ever asked for packages: the system's package manager and the language's own registry. On a
# system that is not Debian's, nothing is installed: the message names what to install, and why.
set -euo pipefail
cd "$(dirname "$0")/.."

TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}
mkdir -p "$TARGET_DIR"

# shellcheck source=scripts/setup/packages.sh
. scripts/setup/packages.sh
for topic in scripts/setup/topic-*.sh; do
  # shellcheck source=/dev/null
  . "$topic"
done

[ $# -gt 0 ] || set -- rust cc lint wasm postgres versions chromium node
for topic in "$@"; do
  case $topic in
    rust | cc | lint | wasm | postgres | versions | chromium | node) "setup_$topic" ;;
    *) fail "there is no topic '$topic'; topics: rust cc lint wasm postgres versions chromium node" ;;
  esac
done
