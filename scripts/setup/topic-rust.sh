# shellcheck shell=bash
# The compiler, a C compiler for the crates that bring C code, and the two tools that check our source.

setup_rust() {
  local need have
  need=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
  have=$(rustc --version 2>/dev/null | awk '{ print $2 }')
  if [ -n "$have" ] && command -v cargo >/dev/null && version_reaches "$have" "$need"; then
    return
  fi
  install "Rust $need or newer (found: ${have:-none})" "Rust with rustup (https://rustup.rs)" rustc-web cargo-web
  # A newer compiler may be hidden behind an old one that comes first in PATH.
  have=$(rustc --version 2>/dev/null | awk '{ print $2 }')
  version_reaches "${have:-0}" "$need" ||
    fail "the first rustc in PATH is ${have:-none}, but $need is needed. Please run: rustup update stable"
}

setup_cc() {
  command -v cc >/dev/null ||
    install "a C compiler, for the cryptography and compression libraries" "a C compiler (clang or gcc)" gcc libc6-dev
}

setup_lint() {
  setup_rust
  if ! cargo fmt --version >/dev/null 2>&1 || ! cargo clippy --version >/dev/null 2>&1; then
    add_lint_tools
  fi
  # The browser's code is checked by the compiler that builds it; clippy has to be of the same version.
  setup_wasm
  local folder
  folder=$(head -n 1 "$TARGET_DIR/wasm-toolchain")
  if [ -n "$folder" ] && [ ! -x "$folder/cargo-clippy" ]; then
    install "clippy for the compiler that builds the panel" "clippy" rust-web-clippy
  fi
}

add_lint_tools() {
  if command -v rustup >/dev/null; then
    say "adding rustfmt and clippy to the toolchain (make check uses them)"
    timeout 60 rustup component add rustfmt clippy >/dev/null 2>&1 ||
      fail "rustfmt or clippy is missing. Please run: rustup component add rustfmt clippy"
  else
    install "rustfmt and clippy, which make check uses" "rustfmt and clippy" rustfmt-web rust-web-clippy
  fi
}
