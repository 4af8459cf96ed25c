#!/usr/bin/env bash
# Checks the source without running it: format, lints of both builds, and who imports whom.
set -euo pipefail
cd "$(dirname "$0")/.."

TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}
WASM=wasm32-unknown-unknown

# The browser's build has its own features, compiler and folder, and is linted apart from the server's.
lint_panel() {
  local folder command=(cargo clippy)
  folder=$(head -n 1 "$TARGET_DIR/wasm-toolchain")
  if [ -n "$folder" ]; then
    command=(env -u RUSTUP_TOOLCHAIN -u CARGO -u RUSTC "PATH=$folder:$PATH" "$folder/cargo-clippy" clippy)
  fi
  # The profile of the panel's own build, so that what both need is compiled once.
  "${command[@]}" --profile wasm-dev -p frontend -p app --features app/hydrate --target $WASM \
    --target-dir "$TARGET_DIR/wasm" -- -D warnings
}

# absent CRATE TREE…: fails when the dependency tree holds the crate.
absent() {
  local crate=$1 tree
  shift
  tree=$(cargo tree --quiet --prefix none "$@")
  if grep -q "^$crate v" <<<"$tree"; then
    echo "check: $crate must not be in: cargo tree $*" >&2
    return 1
  fi
}

cargo fmt --all --check
cargo clippy -p tandem -p app -p server -p xtask --features app/ssr --all-targets -- -D warnings
lint_panel

for crate in sqlx tokio reqwest axum; do
  absent "$crate" -p frontend --target $WASM -e normal
done
for crate in axum leptos app; do
  absent "$crate" -p tandem -e normal
done
tree=$(cargo tree --quiet -e features)
if grep -q 'leptos feature "hydrate"' <<<"$tree"; then
  echo "check: the server's build must not switch on leptos/hydrate" >&2
  exit 1
fi
echo "check: format, lints and imports are in order"
