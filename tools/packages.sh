# shellcheck shell=sh
# packages.sh - sourced by quickstart.sh and test.sh: makes sure that what the project is built with is there.
# need_packages PACKAGE... installs what dpkg does not know as installed, as root or with sudo; where it cannot (or
# NO_INSTALL is 1) it prints the command that would and fails.

# shellcheck disable=SC2034 # used by those who source this
BUILD_PACKAGES="gcc libc6-dev make cmake git pkg-config libcjson-dev libcsv-dev libpfm4-dev"
# shellcheck disable=SC2034
TEST_PACKAGES="libcmocka-dev"
# shellcheck disable=SC2034
CROSS_PACKAGES="gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user"

missing_packages() {
    for package in "$@"; do
        dpkg-query -W -f='${Status}\n' "$package" 2>/dev/null | grep -q '^install ok installed$' || printf ' %s' "$package"
    done
}

need_packages() {
    if ! command -v dpkg-query >/dev/null; then
        echo "This is not a Debian or Ubuntu system: install the equivalents of: $*" >&2
        echo "(cmake names each library that it does not find). Then run this again with --no-install." >&2
        [ "${NO_INSTALL:-0}" = 1 ]
        return
    fi
    missing=$(missing_packages "$@")
    [ -n "$missing" ] || return 0
    as_root=
    [ "$(id -u)" = 0 ] || as_root=sudo
    if [ "${NO_INSTALL:-0}" = 1 ] || { [ -n "$as_root" ] && ! command -v sudo >/dev/null; }; then
        echo "Missing packages. Install them, then run this again:" >&2
        echo "    ${as_root:+sudo }apt-get update && ${as_root:+sudo }apt-get install -y --no-install-recommends$missing" >&2
        return 1
    fi
    echo "== installing:$missing"
    $as_root apt-get update -qq || echo "apt-get update failed: trying with the lists that are there" >&2
    # shellcheck disable=SC2086 # a list of words
    if ! $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null; then
        echo "Could not install. When the reason is mended:" >&2
        echo "    ${as_root:+sudo }apt-get install -y --no-install-recommends$missing" >&2
        return 1
    fi
}

need_cmake() {
    version=$(cmake --version | sed -n '1s/[^0-9]*\([0-9]*\.[0-9]*\).*/\1/p')
    if [ "$(printf '%s\n3.25\n' "$version" | sort -V | head -n 1)" != 3.25 ]; then
        echo "CMake 3.25 or newer is needed, this is $version (Debian 12, Ubuntu 24.04 and later have it)." >&2
        return 1
    fi
}
