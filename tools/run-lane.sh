#!/bin/sh
# run-lane.sh - runs a lane where its baseline may be missing: on whatever machine a test or a workflow gets.
set -u

usage() {
    cat <<'HELP'
usage: tools/run-lane.sh CODE REPORTS RIDGELINE LANE [OPTION...]

Runs `RIDGELINE run LANE --reports REPORTS OPTION...`.

exit status: that command's; but CODE where nothing is wrong except that there is no baseline for this class of
machines (its status 3, state "missing" in verdict.json), and RL_REQUIRE_BASELINE is not "true". A baseline that cannot
be read, is stale or does not fit keeps the 3. 64 for bad usage.
HELP
}

case ${1:-} in -h | --help) usage; exit 0 ;; esac
if [ $# -lt 4 ] || ! printf '%s\n' "$1" | grep -qxE '[0-9]{1,3}'; then
    usage >&2
    exit 64
fi
# shellcheck source=tools/verdict.sh
. "$(dirname "$0")/verdict.sh"
code=$1 reports=$2 ridgeline=$3 lane=$4
shift 4
verdict=$reports/$lane/verdict.json
rm -f "$verdict" # an earlier run's must not speak for this one
status=0
"$ridgeline" run "$lane" --reports "$reports" "$@" || status=$?
if [ "$status" = 3 ] && [ "${RL_REQUIRE_BASELINE:-}" != true ] && [ -f "$verdict" ] &&
    [ "$(verdict_value "$verdict" 2 state)" = '"missing"' ]; then
    echo "$lane: no baseline for this class of machines: only the portable gates were judged, and they passed"
    status=$code
fi
exit "$status"
