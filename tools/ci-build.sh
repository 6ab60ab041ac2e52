#!/bin/sh
# ci-build.sh - what is measured, built in build/release: the release preset without tests. Installs what is missing.
set -eu
cd "$(dirname "$0")/.."
. tools/packages.sh

# shellcheck disable=SC2086 # a list of words
need_packages $BUILD_PACKAGES
need_cmake
cmake --preset release -DRL_TESTS=OFF
cmake --build --preset release -j "$(nproc)"
