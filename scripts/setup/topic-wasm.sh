# shellcheck shell=bash
# The compiler for the browser. A toolchain can list the target and still not link for it, so each candidate is tried
# with a tiny library. The folder of the one that works is left in $TARGET_DIR/wasm-toolchain, for scripts/xtask;
# an empty line there means the ordinary cargo.

WASM=wasm32-unknown-unknown

setup_wasm() {
  setup_rust
  local note=$TARGET_DIR/wasm-toolchain
  if [ -r "$note" ] && [ "$(tail -n 1 "$note")" = "$(version_in "$(head -n 1 "$note")")" ]; then
    return
  fi
  if links_for_browser ""; then
    use_for_browser ""
  elif links_for_browser /usr/bin; then
    use_for_browser /usr/bin
  elif add_with_rustup && links_for_browser ""; then
    use_for_browser ""
  elif is_debian && can_be_root; then
    make_debian_target
    links_for_browser /usr/bin || fail "the browser target of Debian's Rust does not link: see $TARGET_DIR/wasm-std.log"
    use_for_browser /usr/bin
  else
    fail "Rust's browser target $WASM is missing (the panel is compiled to it). Please run: rustup target add $WASM"
  fi
}

use_for_browser() { printf '%s\n%s\n' "$1" "$(version_in "$1")" >"$TARGET_DIR/wasm-toolchain"; }

version_in() {
  if [ -z "$1" ]; then rustc --version; else "$1/rustc" --version; fi 2>/dev/null
}

# links_for_browser FOLDER: links a tiny library with the rustc in FOLDER, or with the first one in PATH.
links_for_browser() {
  local rustc=${1:+$1/}rustc work result=0
  command -v "$rustc" >/dev/null || return 1
  work=$(mktemp -d)
  printf '#[unsafe(no_mangle)]\npub extern "C" fn probe(n: usize) -> usize { vec![1; n].len() }\n' >"$work/probe.rs"
  "$rustc" --edition 2024 --crate-type cdylib --target $WASM -o "$work/probe.wasm" "$work/probe.rs" \
    >/dev/null 2>&1 || result=1
  rm -rf "$work"
  return $result
}

# Fails fast where rustup's server cannot be reached.
add_with_rustup() {
  command -v rustup >/dev/null || return 1
  say "adding the target $WASM with rustup (the panel is compiled to it)"
  timeout 20 rustup target add $WASM >/dev/null 2>&1
}

# Debian has a current Rust for its browsers, with the standard library's source but not built for our target.
# We build it once and put it where that rustc looks for it.
make_debian_target() {
  say "no ready-made target can be had: building it from Debian's Rust (about a minute, once)"
  install "Debian's Rust, which can be given the target $WASM" "Rust with the target $WASM" \
    rustc-web cargo-web rust-web-src lld-22 gcc libc6-dev
  local work sysroot library host
  work=$(mktemp -d)
  sysroot=$(/usr/bin/rustc --print sysroot)
  library=$sysroot/lib/rustlib/$WASM/lib
  host=$(/usr/bin/rustc --version --verbose | sed -n 's/^host: //p')
  build_std "$work" || {
    tail -n 15 "$TARGET_DIR/wasm-std.log" >&2
    rm -rf "$work"
    fail "the standard library for $WASM could not be built; the whole output is in $TARGET_DIR/wasm-std.log"
  }
  as_root mkdir -p "$library" "$sysroot/lib/rustlib/$host/bin"
  as_root find "$library" -name '*.rlib' -delete
  find "$work/target/$WASM/release/deps" -name '*.rlib' ! -name 'libbrowser_std*' -print0 |
    as_root xargs -0 cp -t "$library"
  # rustc looks here for its own linker; this lld belongs to the LLVM that this rustc is built on.
  as_root ln -sfn /usr/lib/llvm-22/bin/lld "$sysroot/lib/rustlib/$host/bin/rust-lld"
  rm -rf "$work"
}

# An empty library, whose only purpose is that std and its dependencies get compiled for the target. Bitcode stays
# in, because the release build of the panel optimises across all crates.
build_std() {
  mkdir "$1/src" && : >"$1/src/lib.rs"
  cat >"$1/Cargo.toml" <<'END'
[package]
name = "browser_std"
version = "0.0.0"
edition = "2024"
[workspace]
[profile.release]
opt-level = "s"
END
  (
    cd "$1" || exit
    env -u RUSTUP_TOOLCHAIN -u CARGO -u RUSTC PATH="/usr/bin:$PATH" \
      RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Cembed-bitcode=yes CARGO_TARGET_DIR="$1/target" \
      /usr/bin/cargo build --release --target $WASM -Z build-std=std,panic_abort
  ) >"$TARGET_DIR/wasm-std.log" 2>&1
}
