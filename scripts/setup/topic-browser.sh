# shellcheck shell=bash
# What the browser tests need: Chromium from the system, and npm's packages in end2end. No browser is downloaded.

setup_chromium() {
  if [ -n "${CHROMIUM:-}" ]; then
    [ -x "$CHROMIUM" ] || fail "CHROMIUM names $CHROMIUM, which is not a program"
    return
  fi
  [ -x /usr/bin/chromium ] ||
    install "Chromium, in which the panel is tested" "Chromium or Chrome, and set CHROMIUM to its path" \
      chromium fonts-liberation fonts-dejavu-core
}

setup_node() {
  command -v npm >/dev/null ||
    install "Node.js with npm, which runs the browser tests" "Node.js 20 or newer" nodejs npm
  local stamp=end2end/node_modules/.lock-installed
  if cmp -s end2end/package-lock.json "$stamp"; then
    return
  fi
  say "installing the packages of the browser tests (npm ci in end2end)"
  (
    cd end2end
    PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --no-audit --no-fund --loglevel=error </dev/null
  ) || fail "npm could not install the packages of end2end"
  cp end2end/package-lock.json "$stamp"
}
