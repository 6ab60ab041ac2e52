#!/bin/sh
# test_cli_selftest.sh RIDGELINE - the gate's own test from end to end, on a bench program that is a shell script with
# times that depend on the launch alone: what is slower on purpose is found, nothing else is; a load comes and goes; a
# test that was ended goes on; what it measured is no baseline.
set -u
ridgeline=$1
. "$(dirname "$0")/cli.sh"
cd "$tmp" || exit 1

lines_are() { # COUNT PATTERN FILE
    checks=$((checks + 1))
    [ "$(grep -cE -- "$2" "$3")" = "$1" ] || fail "$3 has $(grep -cE -- "$2" "$3") lines with '$2', expected $1"
}

mkdir -p bin baselines/lanes
cat >baselines/lanes/fake.json <<'LANE'
{
  "schema": 1, "lane": "fake", "bench": "bench_fake", "launches": 7, "timeout_s": 60,
  "gates": [
    {"kind": "relative", "rows": "^fake/", "metric": "real_time", "better": "lower", "margin": 0.1}
  ]
}
LANE
cat >bin/bench_fake <<'BENCH'
#!/bin/sh
filter=. rule='^nothing$' percent=0 injected= list=
for argument; do
    case $argument in
    --benchmark_filter=*) filter=${argument#*=} ;;
    --benchmark_out=*) out=${argument#*=} ;;
    --launch=*) launch=${argument#*=} ;;
    --inject=*) rule=${argument#*=} percent=${rule##*=+} rule=${rule%=*} percent=${percent%\%} ;;
    --benchmark_out_format=csv | --benchmark_iterations_from=*) ;;
    --benchmark_list_tests) list=1 ;;
    *) echo "unknown argument $argument" >&2; exit 64 ;;
    esac
done
if [ -n "$list" ]; then
    printf '%s\n' fake/a.1+ fake/b fake/axx1 | grep -E -- "$filter"
    exit 0
fi
while [ -n "${HANG:-}" ] && [ -e killed/samples/1.csv ]; do sleep 0.1; done # in run 2, which has a load
emit() { # NAME TIME
    echo "$1" | grep -qE -- "$filter" || return 0
    slow=0
    if [ -z "${IGNORED:-}" ] && echo "$1" | grep -qE -- "$rule"; then slow=$percent; fi
    echo "$1,${ITERATIONS:-10},$(awk "BEGIN { print $2 * (1 + $slow / 100) * ${SLOWER:-1} }"),ns,,,$launch,0,0"
}
[ "$percent" = 0 ] || injected=', "injected": [{"name": "x", "percent": 1}]'
{
    echo "name,iterations,real_time,time_unit,error_occurred,error_message,launch,repetition,contaminated"
    emit fake/a.1+ $((1000 + launch % 7))
    emit fake/b $((2000 + launch % 7))
    emit fake/axx1 $((3000 + launch % 7))
} >"$out"
cat >"$out.context.json" <<CONTEXT
{"machine_class": "box-1", "machine_class_of": {"cores": "1"}, "load_avg": [0.01, 1, 2],
 "build": {"commit": "0123456789ab", "dirty": false}, "machine": {"kernel": "Linux"}$injected}
CONTEXT
BENCH
chmod +x bin/bench_fake

# gone PID: it has ended; a zombie that nobody waits for has, too.
gone() { [ ! -e "/proc/$1/status" ] || grep -q '^State:[[:space:]]*Z' "/proc/$1/status"; }

all_gone() { # FILE: within three seconds
    for pid in $(cat "$1"); do
        checks=$((checks + 1))
        tries=30
        while ! gone "$pid" && [ $tries -gt 0 ]; do
            sleep 0.1
            tries=$((tries - 1))
        done
        gone "$pid" || fail "the load, process $pid, is still there"
    done
}

selftest() { "$ridgeline" selftest --lane fake --bench-dir bin "$@"; }
log=reports/selftest-fake/log.csv

# ---- Finds what is slower, and nothing else; under load, too ----
load='echo $$ >>load.pids; sleep 600 & echo $! >>children.pids; wait'
expect 0 "eight runs" selftest --runs 8 --inject 20 --load "$load"
says "no load: 0 of 2 runs with nothing changed were red (0 to "
says "2 of 2 slower rows found"
says "under load: 0 of 2"
says "baseline, session 2 of 2"
lines_are 8 '^[0-9]' $log
lines_are 4 '^[0-9]+,same,[01],-,0,0,0,' $log
lines_are 4 '^[0-9]+,slower,[01],fake/[ab].*,0\.32,1,1,0,1,' $log
lines_are 4 '^[2367],[a-z]+,1,' $log
checks=$((checks + 1))
[ "$(wc -l <load.pids)" = 4 ] || fail "the load was started $(wc -l <load.pids) times, expected 4"
all_gone load.pids
all_gone children.pids
for run in 0 1 2 3 4 5 6 7; do
    checks=$((checks + 1))
    # a header, and three rows of seven launches
    [ "$(wc -l <reports/selftest-fake/samples/$run.csv)" = 22 ] || fail "run $run: its samples are not kept"
done
checks=$((checks + 1))
cmp -s reports/selftest-fake/samples/0.csv reports/selftest-fake/samples/2.csv || fail "run 2 was not run 0 again"
checks=$((checks + 1))
! cmp -s reports/selftest-fake/samples/0.csv reports/selftest-fake/samples/1.csv || fail "run 1's samples are run 0's"

# ---- Goes on where it was ----
cp $log before
expect 0 "four more" selftest --runs 12 --inject 20 --load "$load"
says_not "baseline, session"
lines_are 12 '^[0-9]' $log
checks=$((checks + 1))
head -n 16 $log | cmp -s - before || fail "what was measured before has changed"
expect 0 "no more to do" selftest --runs 12 --inject 20 --load "$load"
says "no load: 0 of 3"
lines_are 12 '^[0-9]' $log

# ---- The build against itself, by turns ----
expect 0 "A/B" selftest --ab --rows 'fake/(a.1|b)' --slower 5 --runs 4 --rules --report ab
says "no load: 0 of 2 runs with nothing changed were red (0 to "
says "2 of 2 slower rows found"
says "compare.py   launches    no load: 0 of 2 / "
lines_are 2 '^[0-9]+,same,0,-,0,0,0,' ab/log.csv
lines_are 2 '^[0-9]+,slower,0,fake/(a.1\+|b),0\.05,1,1,0,1,' ab/log.csv
lines_are 12 '^(compare.py|benchstat|5 % of mean),(pooled|launches),0,(same|slower),2,' ab/rules.csv
checks=$((checks + 1))
grep -q '"new"' ab/samples/1/ab.json || fail "run 1 kept no launches of the new build"
checks=$((checks + 1))
[ ! -e ab/baseline.json ] || fail "A/B made a baseline"
sed -i '$d' ab/log.csv # as if it had been killed after run 3 was kept
expect 0 "A/B goes on" selftest --ab --rows 'fake/(a.1|b)' --slower 5 --runs 4 --report ab
says "2 of 2 slower rows found"
expect 64 "A/B with so many launches" selftest --ab --runs 4 --launches 8 --report ab
says "--launches"
expect 64 "--ab without a lane" "$ridgeline" selftest --ab

# ---- Other rules on the samples that were kept ----
expect 0 "rules of old samples" selftest --runs 12 --inject 20 --load "$load" --rules
says "what other rules say of the same samples"
says "no load: 0 of 3 / 3 of 3"
lines_are 24 '^(compare.py|benchstat|5 % of mean),(pooled|launches),[01],(same|slower),3,' reports/selftest-fake/rules.csv
mv reports/selftest-fake/samples/4.csv kept.csv
expect 2 "samples that are gone" selftest --runs 12 --inject 20 --load "$load" --rules
says "samples/4.csv"
mv kept.csv reports/selftest-fake/samples/4.csv

# ---- Not with other settings ----
refused_for() { # SETTING ARGUMENT...
    setting=$1
    shift
    expect 2 "another $setting" selftest --runs 12 "$@"
    says "log.csv: line"
    says "'# $setting: "
}
refused_for rows --inject 20 --load "$load" --rows fake/a
refused_for margin --inject 20 --load "$load" --margin 20
refused_for inject --inject 21 --load "$load"
refused_for launches --inject 20 --load "$load" --launches 8
refused_for seed --inject 20 --load "$load" --seed 2
refused_for load --inject 20 --load "sleep 600"
refused_for load --inject 20
refused_for slower --inject 20 --load "$load" --slower 30

# ---- What counts as kept: not silence, and no more reds than allowed, however few the runs ----
cp -r reports/selftest-fake edited
sed -i 's/^\([0-9]*,same,[01],-,0\),0,/\1,2,/' edited/log.csv
expect 2 "no run came to a verdict" selftest --runs 12 --inject 20 --load "$load" --report edited
says "Fewer than half of the runs with nothing changed came to a verdict"
cp $log edited/log.csv
sed -i 's/^0,same,0,-,0,0,0/0,same,0,-,0,1,1/' edited/log.csv
expect 1 "a red that chance explains" selftest --runs 12 --inject 20 --load "$load" --report edited
says "no load: 1 of 3 runs with nothing changed were red"
says "There are more false reds than allowed."

# ---- What it measured is no baseline; judged it may be ----
injected=reports/selftest-fake/run/samples.csv # of run 11, a slower one
expect 2 "a baseline of slowed rows" "$ridgeline" recalibrate fake --csv $injected --allow-no-git --reason "no reason"
says "slower on purpose"
"$ridgeline" compare --lane fake --csv $injected --baseline reports/selftest-fake/baseline.json >out 2>&1
says "slower on purpose"

# ---- A gate that is red for nothing is found out ----
expect 0 "a baseline" selftest --runs 1 --report slower
expect 1 "slower as a whole" env SLOWER=1.5 "$ridgeline" selftest --lane fake --bench-dir bin --runs 9 --report slower
says "4 of 5 runs with nothing changed were red"

# ---- What cannot be found out ----
expect 2 "a load that ends" selftest --runs 4 --report ends --load true
says_not "The rate of false reds is kept"
says "the load had ended before the run was over"
lines_are 2 '^[0-9]' ends/log.csv
expect 2 "no bench" "$ridgeline" selftest --lane fake --bench-dir nowhere --runs 2 --report none
says "no program bench_fake"
for line in "7,same,0,-,0,0,0,0,0,0.1" "garbage" "2,same,0,-,0,0,0,0,0,0.1,9"; do
    head -n 10 ends/log.csv >cut
    { cat cut; echo "$line"; } >ends/log.csv
    expect 2 "a log with $line" selftest --runs 4 --report ends --load true
    says "line 11 is not run 2 of such a log"
done
rm reports/selftest-fake/baseline.json
expect 2 "a log without its baseline" selftest --runs 14 --inject 20 --load "$load"
says "its baseline is gone"

# ---- A load does not outlive us, however we end ----
HANG=1 "$ridgeline" selftest --lane fake --bench-dir bin --runs 4 --report killed --load '
    echo $$ >>killed.pids; trap "" TERM; sh -c "trap : TERM; while :; do sleep 1; done" & echo $! >>killed.pids
    touch loaded; wait' >out 2>&1 &
victim=$!
tries=600
while [ ! -e loaded ] && [ $tries -gt 0 ]; do
    sleep 0.1
    tries=$((tries - 1))
done
kill -KILL $victim
wait $victim 2>/dev/null
checks=$((checks + 1))
[ "$(wc -l <killed.pids)" = 2 ] || fail "the load had not begun"
all_gone killed.pids
rm killed/samples/1.csv

# ---- Only some rows ----
expect 0 "one row" selftest --runs 4 --rows 'fake/b' --report some
lines_are 2 ',slower,0,fake/b,' some/log.csv
for csv in some/baseline/1/samples.csv some/run/samples.csv; do
    expect 2 "a baseline of some rows" "$ridgeline" recalibrate fake --csv $csv --allow-no-git --reason "no reason"
    says "the samples are of a narrowed run"
done

# ---- An exact gate is not on trial: its rows are not drawn, its findings do not count ----
cat >baselines/lanes/mixed.json <<'LANE'
{
  "schema": 1, "lane": "mixed", "bench": "bench_fake", "launches": 7, "timeout_s": 60,
  "gates": [
    {"kind": "relative", "rows": "^fake/b", "metric": "real_time", "better": "lower", "margin": 0.1},
    {"kind": "exact", "rows": "^fake/", "metric": "iterations", "better": "lower", "tolerance": 0}
  ]
}
LANE
expect 0 "a lane with exact gates" "$ridgeline" selftest --lane mixed --bench-dir bin --runs 12 --report mixed
lines_are 6 ',slower,0,fake/b,0\.21,1,1,0,1,' mixed/log.csv
expect 0 "one run" "$ridgeline" selftest --lane mixed --bench-dir bin --runs 1 --report exact
expect 0 "a slower row that only an exact gate sees" env ITERATIONS=11 IGNORED=1 \
    "$ridgeline" selftest --lane mixed --bench-dir bin --runs 2 --report exact
says "0 of 1 slower rows found"
lines_are 1 '^1,slower,0,fake/b,0\.21,1,3,0,0,' exact/log.csv

# ---- Made up ----
expect 0 "made-up runs" "$ridgeline" selftest --runs 20 --generator heavy --report made
says "heavy"
says_not "bimodal"
lines_are 1 '^heavy,0.5,.*,none,ridgeline,' made/selftest.csv
expect 1 "a drift beyond the margin" "$ridgeline" selftest --runs 50 --generator drift --amplitude 400
says "There are more false reds than allowed."

# ---- Bad usage ----
expect 64 "no such generator" "$ridgeline" selftest --generator white
expect 64 "no such lane" "$ridgeline" selftest --lane ../x --runs 1
expect 64 "neither hours nor runs" selftest
expect 64 "a lane and made-up samples" selftest --runs 1 --sweep
expect 64 "a load without a lane" "$ridgeline" selftest --load true
expect 64 "an amplitude of all generators" "$ridgeline" selftest --amplitude 10
expect 64 "a correlation of 1" "$ridgeline" selftest --generator autocorrelated --amplitude 100
expect 64 "an amplitude of none" "$ridgeline" selftest --generator lognormal --amplitude 5

echo "$checks checks, $failures failed"
[ $failures = 0 ]
