# shellcheck shell=bash
# A missing thing -> an installed Debian package, or a sentence that says what to install. Sourced by setup.sh.

say() { printf 'setup: %s\n' "$*"; }

fail() {
  printf 'setup: %s\n' "$*" >&2
  exit 1
}

is_debian() { [ -r /etc/debian_version ] && command -v apt-get >/dev/null; }

can_be_root() { [ "$(id -u)" = 0 ] || { command -v sudo >/dev/null && { [ -t 0 ] || sudo -n true 2>/dev/null; }; }; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# install WHY ELSEWHERE PACKAGE…: installs Debian packages; where that is not possible, says what to install and why.
# ELSEWHERE names the same thing for people on other systems.
install() {
  local why=$1 elsewhere=$2
  shift 2
  if ! is_debian; then
    fail "$why is missing. Please install $elsewhere and run this again."
  fi
  if ! can_be_root; then
    fail "$why is missing, and this user may not install it. Please let root run: apt-get install $*"
  fi
  say "installing $* ($why)"
  refresh_lists
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    -o DPkg::Lock::Timeout=120 "$@" </dev/null >"$TARGET_DIR/setup.log" 2>&1 || {
    tail -n 15 "$TARGET_DIR/setup.log" >&2
    fail "apt-get could not install $*; its output is in $TARGET_DIR/setup.log"
  }
}

# Once a run is enough, and only when something has to be installed.
refresh_lists() {
  [ -z "${lists_are_fresh:-}" ] || return 0
  as_root apt-get update -qq </dev/null >/dev/null 2>&1 ||
    say "the package lists could not be renewed; trying with those that are here"
  lists_are_fresh=yes
}

# version_reaches HAVE NEED: is HAVE at least NEED?
version_reaches() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }
