#!/bin/sh
# ab-worktree.sh - builds two commits in worktrees of their own and compares the builds with `ridgeline ab`.
set -u

usage() {
    cat <<'HELP'
usage: tools/ab-worktree.sh BASE HEAD [arguments of `ridgeline ab`]

Checks both commits out into a temporary directory ($TMPDIR), builds them (release, without tests), and runs the
ridgeline of HEAD's build: ridgeline ab --old BASE's build --new HEAD's build, with HEAD's lanes. The temporary
directory and its worktrees are removed at the end, also after an interrupt; the work tree here is not touched but for
the report, which goes to reports/ab unless --report says otherwise.

  tools/ab-worktree.sh main HEAD --lane gemv --quick
  tools/ab-worktree.sh "$(git merge-base origin/main HEAD)" HEAD --budget 600

exit status: that of `ridgeline ab`: 0 pass, 1 regression, 2 measurement broken; 2 as well where a commit does not
             build; 64 bad usage
HELP
}

case ${1-} in
-h | --help) usage; exit 0 ;;
esac
if [ $# -lt 2 ]; then
    usage >&2
    exit 64
fi

# commit_of TEXT: the full name of the commit that it names.
commit_of() {
    git rev-parse --verify --quiet --end-of-options "$1^{commit}" || {
        echo "ab-worktree.sh: '$1' is no commit here" >&2
        return 1
    }
}
base=$(commit_of "$1") || exit 64
head=$(commit_of "$2") || exit 64
shift 2

tmp=$(mktemp -d "${TMPDIR:-/tmp}/ridgeline-ab.XXXXXX") || exit 2
child=
tidy_up() {
    trap '' HUP INT TERM
    if [ -n "$child" ]; then
        kill -TERM -- "-$child" 2>/dev/null
        wait "$child" 2>/dev/null
    fi
    for side in base head; do
        [ ! -e "$tmp/$side" ] || git worktree remove --force --force "$tmp/$side" 2>/dev/null
    done
    rm -rf "$tmp"
    git worktree prune
}
trap tidy_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# run COMMAND...: in the background and a session of its own, so that a signal is heeded at once and ends all of it.
run() {
    setsid "$@" &
    child=$!
    wait "$child"
    status=$?
    child=
    return $status
}

build() { # SIDE COMMIT
    echo "== building $1 ($2)" >&2
    git worktree add --quiet --detach "$tmp/$1" "$2" || return 1
    # shellcheck disable=SC2016 # for the inner shell
    run sh -c 'cd "$1" && cmake --preset release -DRL_TESTS=OFF && cmake --build --preset release -j "$(nproc)"' \
        build "$tmp/$1" >"$tmp/$1.log" 2>&1 && return 0
    cat "$tmp/$1.log" >&2
    echo "ab-worktree.sh: $1 ($2) does not build" >&2
    return 1
}

build base "$base" || exit 2
build head "$head" || exit 2

# The lanes are HEAD's unless an argument says otherwise: the later of two counts.
run "$tmp/head/build/release/tools/ridgeline" ab --old "$tmp/base/build/release" --new "$tmp/head/build/release" \
    --baselines "$tmp/head/baselines" "$@"
