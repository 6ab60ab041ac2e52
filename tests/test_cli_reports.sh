#!/bin/sh
# test_cli_reports.sh RIDGELINE - what run and compare leave for other programs, and --rows, on a bench that is a shell
# script.
set -u
ridgeline=$1
. "$(dirname "$0")/cli.sh"
cd "$tmp" || exit 1
unset GITHUB_ACTIONS GITHUB_STEP_SUMMARY

mkdir -p bin baselines/lanes
cat >baselines/lanes/fake.json <<'LANE'
{
  "schema": 1, "lane": "fake", "bench": "bench_fake", "launches": 2, "timeout_s": 60,
  "args": ["--benchmark_filter=fake/[ab]"], "quick": {"filter": "^fake/a"},
  "gates": [
    {"kind": "ceiling", "rows": "^fake/a", "metric": "max_error", "max": 1e-3},
    {"kind": "ceiling", "rows": "^fake/[bc]", "metric": "max_error", "max": 1e-3}
  ]
}
LANE
cat >bin/bench_fake <<'BENCH'
#!/bin/sh
for argument; do
    case $argument in
    --benchmark_filter=*) filter=${argument#*=} ;;
    --benchmark_out=*) out=${argument#*=} ;;
    --launch=*) launch=${argument#*=} ;;
    --benchmark_out_format=csv) ;;
    *) exit 64 ;;
    esac
done
{
    echo "name,iterations,real_time,time_unit,error_occurred,error_message,launch,repetition,contaminated,max_error"
    [ -z "${ROWS:-}" ] || seq -f "fake/a-%.0f,10,100,ns,,,$launch,0,0,0" "$ROWS"
    for row in "fake/a+b 0" "fake/b 1" "fake/c 0"; do
        echo "${row% *}" | grep -qE -- "$filter" && echo "${row% *},10,100,ns,,,$launch,0,0,${row#* }"
    done
} >"$out"
cat >"$out.context.json" <<CONTEXT
{"machine_class": "box-1", "machine_class_of": {"cores": "1"}, "launch": $launch, "machine": {"kernel": "Linux"},
 "build": {"commit": "0123456789ab", "dirty": true}}
CONTEXT
exit 0
BENCH
chmod +x bin/bench_fake
run() { "$ridgeline" run fake --bench-dir bin "$@"; }

# ---- Reports ----
expect 1 "a run that reports in every form" run --markdown page.md --junit gate.xml --sarif gate.sarif --annotations
says "    \$ ridgeline run fake --bench-dir bin --rows '^fake/b\$'"
says "::error title=fake REGRESSED::fake/b max_error: the median launch is above the ceiling of 0.001%0Aridgeline run fake"
says "<!-- ridgeline: fake -->" page.md
says "ridgeline run fake --bench-dir bin --rows '^fake/b\$'" page.md
says '<testsuites name="ridgeline" tests="2" failures="1" errors="0" skipped="0">' gate.xml
says '"ruleId":	"ceiling/max_error"' gate.sarif
says '"uri":	"baselines/lanes/fake.json"' gate.sarif
says '"commit":	"0123456789ab"' reports/fake/verdict.json
says '"dirty":	true' reports/fake/verdict.json
says '"command":	"ridgeline run fake --bench-dir bin"' reports/fake/verdict.json
if command -v xmllint >/dev/null; then expect 0 "JUnit is XML" xmllint --noout gate.xml; fi

# The command that reproduces a row does: it is run as it stands there.
reproduce=$(sed -n 's/.*"reproduce":	"\(.*\)",$/\1/p' reports/fake/verdict.json | grep . | head -n 1)
ridgeline() { "$ridgeline" "$@"; }
expect 1 "the command of a finding" eval "$reproduce"
says "fake (only ^fake/b\$): compared 0/0, regressed 1, not applicable 1"
says_not "fake/a+b"

expect 1 "no reports asked for" run
says_not "::error"
expect 1 "in a workflow" env GITHUB_ACTIONS=true GITHUB_STEP_SUMMARY=summary.md "$ridgeline" run fake --bench-dir bin
says "::error title=fake REGRESSED::"
expect 1 "in its next step" env GITHUB_ACTIONS=true GITHUB_STEP_SUMMARY=summary.md "$ridgeline" run fake --bench-dir bin
[ "$(grep -c '<!-- ridgeline: fake -->' summary.md)" = 2 ] || fail "a summary was not added to"
expect 1 "a summary outside of a workflow" env GITHUB_STEP_SUMMARY=other.md "$ridgeline" run fake --bench-dir bin
expect 1 "a workflow that is none" env GITHUB_ACTIONS=false GITHUB_STEP_SUMMARY=other.md "$ridgeline" run fake --bench-dir bin
says_not "::error"
[ ! -e other.md ] || fail "a summary outside of a workflow"
for option in --markdown --junit --sarif; do
    expect 1 "a file that cannot be written comes after a regression" run $option nowhere/file
    says "nowhere/file"
    expect 2 "a file that cannot be written" run --rows '^fake/a' $option nowhere/file
done
expect 2 "a summary that cannot be written" env GITHUB_ACTIONS=true GITHUB_STEP_SUMMARY=nowhere/summary \
    "$ridgeline" run fake --bench-dir bin --rows '^fake/a'
says "nowhere/summary: cannot add to it"

# ---- More rows than samples.csv may have: refused as soon as the first launch tells ----
expect 2 "700 rows, 100 times" env ROWS=700 "$ridgeline" run fake --bench-dir bin --launches 100
says "launch 1: it has 702 lines"
says "by 100 launches samples.csv would become larger than it may be"
[ ! -e reports/fake/launches/2.csv ] || fail "a second launch of too many rows"
expect 1 "700 rows, three times" env ROWS=700 "$ridgeline" run fake --bench-dir bin --launches 3

# ---- A comparison that is cut short leaves no earlier verdict ----
expect 1 "a comparison" "$ridgeline" compare --lane fake --csv reports/fake/samples.csv --report cut
[ -e cut/verdict.json ] || fail "no verdict"
(ulimit -f 0 && "$ridgeline" compare --lane fake --csv reports/fake/samples.csv --report cut) >/dev/null 2>&1
[ ! -e cut/verdict.json ] || fail "the verdict of an earlier comparison"
expect 1 "a run as before" run

# ---- Some rows ----
expect 0 "rows that pass" run --rows 'fake/a[+]'
says "fake (only fake/a[+]): compared 0/0, not applicable 1, passed 1"
says "--rows selects nothing that it could judge"
says '"rows":	"fake/a[+]"' reports/fake/verdict.json
says '"lane_mode":	"rows"' reports/fake/context.json
expect 0 "a row that the lane leaves out" run --rows 'fake/c'
says "passed 1"
expect 1 "a row that a quick run leaves out" run --quick --rows 'fake/b'
says "fake (quick, only fake/b):"
expect 2 "rows that are not there" run --rows 'fake/none'
expect 1 "all" run
expect 0 "some rows of a CSV" "$ridgeline" compare --lane fake --csv reports/fake/samples.csv --rows '^fake/a' --report v --junit v.xml
says "passed 1"
says_not "fake/b"
says "tests=\"2\" failures=\"0\"" v.xml
expect 1 "other rows of a CSV" "$ridgeline" compare --lane fake --csv reports/fake/samples.csv --rows '^fake/b' --report v
says "\$ ridgeline compare --lane fake --csv reports/fake/samples.csv --rows '^fake/b\$'"
for rows in '(' '-x' all; do
    expect 64 "--rows '$rows'" run --rows "$rows"
    expect 64 "compare --rows '$rows'" "$ridgeline" compare --lane fake --csv reports/fake/samples.csv --rows "$rows"
done
cp baselines/lanes/fake.json baselines/lanes/two.json
expect 64 "--rows of all lanes" "$ridgeline" run all --bench-dir bin --rows x
says "asks for rows of one lane"
rm baselines/lanes/two.json

echo "$checks checks, $failures failed"
[ $failures = 0 ]
