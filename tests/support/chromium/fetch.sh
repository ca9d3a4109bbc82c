#!/usr/bin/env bash
# Fetches Chromium from the machine's own Debian packages (about 125 MB, once) into $AETHERIUS_TEST_BIN/chromium; nothing is installed, and nobody need be root.
# Where the distribution has no Chromium as a package (or has only a stub of one), it says so and ends with 0: the tests that need it are skipped, by name.
# env:   AETHERIUS_TEST_BIN   where test servers lie
set -euo pipefail
BIN=${AETHERIUS_TEST_BIN:-${XDG_CACHE_HOME:-$HOME/.cache}/aetherius/bin}
if [ -x "$BIN/chromium/chromium" ]; then echo "$BIN/chromium"; exit 0; fi
command -v apt-get >/dev/null && command -v dpkg >/dev/null || { echo "needs apt-get, once" >&2; exit 2; }
umask 022
mkdir -p "$BIN"
exec 9>"$BIN/.lock-chromium"; flock 9
[ ! -x "$BIN/chromium/chromium" ] || { echo "$BIN/chromium"; exit 0; }
new=$(mktemp -d "$BIN/.chromium-XXXXXX"); trap 'rm -rf "$new"' EXIT
mkdir -p "$new/lists/partial" "$new/cache/archives/partial" "$new/root"
apt() { apt-get -qq -o Dir::State::Lists="$new/lists" -o Dir::Cache="$new/cache" -o APT::Sandbox::User= -o Debug::NoLocking=true "$@"; }
apt update
if ! apt -y --no-install-recommends --print-uris install chromium >/dev/null 2>&1; then echo "no package of Chromium here" >&2; exit 0; fi
apt -y --no-install-recommends --download-only install chromium
for package in "$new"/cache/archives/*.deb; do dpkg -x "$package" "$new/root"; done
program=usr/lib/chromium/chromium
[ -x "$new/root/$program" ] || { echo "the package of Chromium holds no program" >&2; exit 0; }
mv "$new/root" "$new/chromium"
cat >"$new/chromium/chromium" <<'END'
#!/usr/bin/env bash
here=$(cd "$(dirname "$0")" && pwd)
libraries=$(find "$here/usr/lib" "$here/lib" -name '*.so*' -printf '%h\n' 2>/dev/null | sort -u | paste -sd:)
LD_LIBRARY_PATH=$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} exec "$here/usr/lib/chromium/chromium" "$@"
END
chmod a+rx "$new/chromium/chromium"
"$new/chromium/chromium" --version >&2
mv -T "$new/chromium" "$BIN/chromium"
echo "$BIN/chromium"
