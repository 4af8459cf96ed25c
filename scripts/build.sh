#!/usr/bin/env bash
# Builds the panel, then the one binary that embeds it.
# Usage: scripts/build.sh PROFILE     dev: quick to build, for the demo and the tests; release: small and fast
set -euo pipefail
cd "$(dirname "$0")/.."

profile=${1:?usage: scripts/build.sh dev|release}
panel_mode=()
if [ "$profile" = release ]; then panel_mode=(--release); fi

echo "building the panel and the server: minutes for the first time, seconds when nothing has changed"
cargo run -p xtask -- panel "${panel_mode[@]}"
cargo build -p server --profile "$profile"
