#!/bin/sh
# perf-gate.sh - is every lane's verdict there, of this commit, and good? What a required check runs at last, so that a
# lane that was skipped, cancelled, lost its verdict, or judged something else cannot pass.
set -u

usage() {
    cat <<'HELP'
usage: tools/perf-gate.sh PREFIX SHA RESULTS

  PREFIX   of the directories with the lanes' verdicts: PREFIX<lane>/verdict.json
  SHA      the commit that was to be measured
  RESULTS  how the lanes' jobs ended: each word must be "success"

For every lane in baselines/lanes there must be a verdict.json of this lane and this commit, of a clean tree, of the
whole lane (no --quick, no --rows), with exit code 0 and rows compared with a baseline. A lane none of whose gates needs
a baseline must have passed something. So must one with exit code 3 because there is no baseline for the class of
machines ("missing"): its portable gates were judged. That is said, and is a failure where RL_REQUIRE_BASELINE is
"true". A baseline that is there, but cannot be read, is stale or does not fit, is a failure anywhere, and so are rows
made slower on purpose (--inject).

exit status: 0 all is well; 1 something is not; 64 bad usage
HELP
}

case ${1:-} in -h | --help) usage; exit 0 ;; esac
if [ $# != 3 ] || [ -z "$1" ] || ! printf '%s\n' "$2" | grep -qxE '[0-9a-f]{40}'; then
    usage >&2
    exit 64
fi
prefix=$1 sha=$2 results=$3
lanes=$(dirname "$0")/../baselines/lanes
# shellcheck source=tools/verdict.sh
. "$(dirname "$0")/verdict.sh"
failures=0

fail() {
    failures=$((failures + 1))
    echo "FAILED: $*"
}

value() { verdict_value "$verdict" "$@"; } # DEPTH KEY

check_lane() { # LANE
    verdict=$prefix$1/verdict.json
    if [ ! -f "$verdict" ]; then
        fail "$1: there is no $verdict"
        return
    fi
    commit=$(value 1 commit | tr -d '"')
    code=$(value 1 exit_code)
    state=$(value 2 state | tr -d '"')
    compared=$(value 2 compared)
    passed=$(value 2 pass)
    [ "$(value 1 schema)" = 1 ] || fail "$1: its verdict is of another schema"
    [ "$(value 1 lane)" = "\"$1\"" ] || fail "$1: its verdict is of the lane $(value 1 lane)"
    [ "$(value 1 mode)" = '"full"' ] && [ "$(value 1 rows)" = '""' ] || fail "$1: only a part of the lane was run"
    [ "$(value 1 dirty)" = false ] || fail "$1: it was built from changes that are in no commit"
    [ "$(value 1 injected)" = false ] || fail "$1: rows were made slower on purpose (--inject)"
    [ ${#commit} -ge 12 ] && [ "${sha#"$commit"}" != "$sha" ] || fail "$1: measured '$commit', not $sha"
    case $code:$state in
    0:used) [ "${compared:-0}" -gt 0 ] || fail "$1: no row was compared with the baseline" ;;
    "0:not needed") [ "${passed:-0}" -gt 0 ] || fail "$1: nothing passed" ;;
    3:missing)
        [ "${passed:-0}" -gt 0 ] || fail "$1: nothing passed"
        [ "${RL_REQUIRE_BASELINE:-}" != true ] || fail "$1: there is no baseline, and one is required"
        ;;
    *) fail "$1: exit code ${code:-unknown}, baseline ${state:-unknown}" ;;
    esac
    echo "$1: exit code $code, baseline $state, compared $compared, passed $passed"
}

for result in ${results:-none}; do
    [ "$result" = success ] || fail "a lane's job ended with '$result'"
done
count=0
for file in "$lanes"/*.json; do
    [ -f "$file" ] || continue
    lane=${file##*/}
    check_lane "${lane%.json}"
    count=$((count + 1))
done
[ $count -gt 0 ] || fail "there are no lanes"
echo "$count lanes, $failures failures"
[ $failures = 0 ]
