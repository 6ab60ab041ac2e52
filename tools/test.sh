#!/bin/sh
# test.sh - installs what is missing, builds, and runs every test: in release with warnings as errors, under the
# address and undefined-behaviour sanitizers, what is threaded under the thread sanitizer, and the kernels for AArch64
# under an emulator.
set -eu
cd "$(dirname "$0")/.."
. tools/packages.sh

usage() {
    cat <<'HELP'
usage: tools/test.sh [--no-install] [--fast]

Builds below build/ and runs all tests. Installs missing packages (Debian, Ubuntu) as root or with sudo.

  --no-install  install nothing: print the command instead
  --fast        the release build only
HELP
}

fast=0
for argument; do
    case $argument in
    --no-install) NO_INSTALL=1 ;;
    --fast) fast=1 ;;
    -h | --help) usage; exit 0 ;;
    *) echo "test.sh: unknown argument '$argument'" >&2; usage >&2; exit 64 ;;
    esac
done

# shellcheck disable=SC2086 # lists of words
need_packages $BUILD_PACKAGES $TEST_PACKAGES
need_cmake
jobs=$(nproc)
started=$(date +%s)
mkdir -p build

# build_and_test PRESET [CTEST ARGUMENT...]
build_and_test() {
    preset=$1
    shift
    echo "== $preset: build"
    cmake --preset "$preset" >build/"$preset".log 2>&1 || { cat build/"$preset".log >&2; return 1; }
    cmake --build --preset "$preset" -j "$jobs" >>build/"$preset".log 2>&1 || { cat build/"$preset".log >&2; return 1; }
    rm -f build/"$preset".log
    echo "== $preset: test ($(($(date +%s) - started)) s so far)"
    ctest --preset "$preset" -j "$jobs" --no-tests=error "$@"
}

build_and_test ci
if [ $fast = 0 ]; then
    build_and_test asan-ubsan
    build_and_test tsan -L threads
    if command -v clang-14 >/dev/null; then
        echo "== ci-clang: build"
        cmake --preset ci-clang >/dev/null
        cmake --build --preset ci-clang -j "$jobs"
    else
        echo "skipped: the build with Clang (clang-14 is not installed)"
    fi
    # shellcheck disable=SC2086
    if [ "$(uname -m)" = aarch64 ]; then
        echo "skipped: the emulated AArch64 (this is one)"
    elif need_packages $CROSS_PACKAGES && command -v aarch64-linux-gnu-gcc >/dev/null &&
        command -v qemu-aarch64 >/dev/null; then
        build_and_test aarch64-qemu
    else
        echo "skipped: the kernels for AArch64 (no cross compiler, or no emulator)"
    fi
fi
echo "== all tests passed in $(($(date +%s) - started)) s"
