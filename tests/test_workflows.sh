#!/bin/sh
# test_workflows.sh ROOT - the workflows hold what workflows.awk asks of them; and each of its questions is worth asking:
# a copy in which that very thing is broken is found out.
set -u
root=$1
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
failures=0
checks=0
lanes=$(for file in "$root"/baselines/lanes/*.json; do basename "$file" .json; done | sort | tr '\n' ' ')

lint() { awk -v lanes="$lanes" -f "$root/tests/workflows.awk" "$1"/*.yml; }

fail() {
    failures=$((failures + 1))
    echo "FAILED: $*"
}

checks=1
lint "$root/.github/workflows" >"$tmp/out" || fail "awk failed"
[ ! -s "$tmp/out" ] || { fail "the workflows:"; cat "$tmp/out"; }
for file in ci perf pr-ab recalibrate; do
    checks=$((checks + 1))
    [ -s "$root/.github/workflows/$file.yml" ] || fail "there is no $file.yml"
done
# Scripts that the workflows run are there.
for script in $(grep -ho 'tools/[a-z-]*\.sh' "$root"/.github/workflows/*.yml | sort -u); do
    checks=$((checks + 1))
    [ -x "$root/$script" ] || fail "there is no program $script"
done

# broken FILE SED SAYS: after the edit, which must change something, the finding is there.
broken() {
    checks=$((checks + 1))
    rm -rf "$tmp/w"
    cp -r "$root/.github/workflows" "$tmp/w"
    sed "$2" "$root/.github/workflows/$1" >"$tmp/w/$1"
    cmp -s "$root/.github/workflows/$1" "$tmp/w/$1" && fail "'$2' changes nothing in $1"
    lint "$tmp/w" >"$tmp/out"
    grep -qF -- "$3" "$tmp/out" || { fail "'$3' expected after '$2' in $1, there is:"; cat "$tmp/out"; }
}

broken ci.yml 's/checkout@[0-9a-f]*/checkout@v4/' "not pinned to a commit: actions/checkout@v4"
broken ci.yml 's/\(checkout@[0-9a-f]*\)[0-9a-f] /\1 /' "not pinned to a commit"
broken ci.yml 's/- uses: \(.*\) #.*/- {uses: \1}/' "not pinned to a commit"
broken ci.yml '/timeout-minutes/d' "job test has no timeout-minutes"
broken ci.yml 's/timeout-minutes: .*/timeout-minutes: 0/' "job test has no timeout-minutes"
broken recalibrate.yml '1,/timeout-minutes/{/timeout-minutes/d;}' "job measure has no timeout-minutes"
broken ci.yml '/^permissions/,/contents/d' "top-level permissions are not contents: read alone"
broken ci.yml 's/contents: read/contents: write/' "top-level permissions are not contents: read alone"
broken ci.yml 's/^  contents: read/&\n  issues: write/' "top-level permissions are not contents: read alone"
broken ci.yml 's/^permissions:/permissions: write-all/' "top-level permissions are not contents: read alone"
broken perf.yml 's/^    timeout-minutes: 10/&\n    permissions:\n      contents: write/' "job perf-gate may write"
broken perf.yml 's/^    timeout-minutes: 10/&\n    permissions: write-all/' "job perf-gate has permissions in one word"
# shellcheck disable=SC2016 # an expression of the workflow's
broken recalibrate.yml 's/run: build.*/run: ridgeline recalibrate ${{ inputs.lane }}/' "an expression inside run:"
# shellcheck disable=SC2016
broken recalibrate.yml 's/^\( *\)git push.*/\1git push ${{ github.event.x }}/' "an expression inside run:"
# shellcheck disable=SC2016
broken perf.yml 's/path: verdicts/path: ${{ github.event.pull_request.title }}/' "an input outside of env:"
broken ci.yml '/^concurrency/,/cancel/d' "no concurrency group"
broken ci.yml 's/pull_request:/pull_request_target:/' "pull_request_target"
broken perf.yml 's/^  pull_request:/&\n    paths: [kernels\/**]/' "a path filter"
broken perf.yml 's/if: always()$/if: success()/' "perf-gate is not if: always()"
broken perf.yml '/^    if: always()/d' "perf-gate is not if: always()"
broken perf.yml 's/needs: \[lane\]/needs: []/' "perf-gate does not need lane"
broken perf.yml '/needs: \[lane\]/d' "perf-gate does not need lane"
broken perf.yml 's/^  perf-gate:/  other:\n    timeout-minutes: 5\n&/' "perf-gate does not need other"
broken perf.yml 's/perf-gate:$/gate:/' "no job perf-gate"
broken perf.yml 's/, gemv,/,/' "the lanes of the matrix are not those of baselines/lanes"
broken perf.yml '/merge_group/d' "perf does not run on pull_request, push and merge_group"
broken perf.yml 's/^      - name: every lane.*/&\n        if: success()/' "a step of perf-gate that may be skipped"
broken perf.yml 's/^      - name: run the lane/&\n        continue-on-error: true/' "continue-on-error"

echo "$checks checks, $failures failed"
[ $failures = 0 ]
