#!/bin/sh
# test_cli_gate.sh RIDGELINE - the command from end to end, on a bench program that is a shell script and does what
# FAKE tells it: every outcome has its exit code, its sentence, and a verdict.json.
set -u
ridgeline=$1
. "$(dirname "$0")/cli.sh"
cd "$tmp" || exit 1

verdict_is() {
    says "\"exit_code\":	$1," reports/fake/verdict.json
}

mkdir -p bin baselines/lanes
cat >baselines/lanes/fake.json <<'LANE'
{
  "schema": 1, "lane": "fake", "bench": "bench_fake", "args": ["--size=3"], "launches": 7, "timeout_s": 60,
  "quick": {"launches": 3, "filter": "^fake/a$"},
  "gates": [
    {"kind": "relative", "rows": "^fake/", "metric": "real_time", "better": "lower", "margin": 0.1},
    {"kind": "ceiling", "rows": "^fake/", "metric": "max_error", "max": 1e-3, "of": "worst"}
  ]
}
LANE
cat >bin/bench_fake <<'BENCH'
#!/bin/sh
filter=. class=box-1 sum=0.0001 commit=0123456789ab model=none
for argument; do
    case $argument in
    --benchmark_filter=*) filter=${argument#*=} ;;
    --benchmark_out=*) out=${argument#*=} ;;
    --launch=*) launch=${argument#*=} ;;
    --model=*) model=${argument#*=} ;;
    --benchmark_out_format=csv | --size=3) ;;
    *) echo "unknown argument $argument" >&2; exit 64 ;;
    esac
done
emit() { # NAME TIME [UNIT [LAUNCH]]
    echo "$1" | grep -qE -- "$filter" || return 0
    echo "\"$1\",10,$2,${3:-ns},,,${4:-$launch},0,0,$sum${extra:+,}"
}
rows() {
    slow=10 a=10
    case $FAKE in slow) slow=15 ;; fast) slow=5 ;; both) slow=15 a=20 ;; esac
    case $FAKE$out in drift*/session-2/*) slow=12 ;; one*/session-1/*) new=fake/c ;; esac
    case $FAKE in
    columns) [ "$launch" = 1 ] || extra=,more ;;
    wrong) sum=0.5 ;;
    esac
    echo "name,iterations,real_time,time_unit,error_occurred,error_message,launch,repetition,contaminated,max_error${extra:-}"
    case $FAKE in
    header) return ;;
    creep) emit fake/a "104$launch" ;;
    half) case $out in */session-1/*) emit fake/a "986.$launch" ;; *) emit fake/a "900.$launch" ;; esac ;;
    nan) emit fake/a nan ;;
    zero) emit fake/a 0 ;;
    negative) emit fake/a -3 ;;
    unmeasured) emit fake/a "" ;;
    unit) emit fake/a "${a}0$launch" us ;;
    launch) emit fake/a "${a}0$launch" ns 9 ;;
    failed) echo "fake/a,,,,true,sum is off,$launch,0,," ;;
    ragged) echo "fake/a,10,5" ;;
    *) emit fake/a "${a}0$launch" ;;
    esac
    [ "$FAKE" = missing ] || emit fake/b "${slow}0$launch"
    [ "$FAKE" != twice ] || emit fake/b "${slow}0$launch"
    [ "$FAKE" != new ] && [ -z "${new:-}" ] || emit fake/c "100$launch"
}
case $FAKE in
crash) echo "about to crash" >&2; kill -SEGV $$ ;;
hang) sleep 600 ;;
status) echo "cannot go on" >&2; exit 7 ;;
nothing) exit 0 ;;
second) [ "$launch" = 1 ] || kill -SEGV $$ ;;
class) [ "$launch" = 1 ] || class=box-2 ;;
other) class=box-2 ;;
slowly) sleep 1 ;;
esac
if [ "$FAKE" = garbage ]; then head -c 5000 "$0" | tr 'a-z' '\001-\032' >"$out"; else rows >"$out"; fi
[ "$FAKE" != cut ] || printf 'fake/b,10,5' >>"$out"
[ "$FAKE" = nocontext ] || cat >"$out.context.json" <<CONTEXT
{"machine_class": "$class", "machine_class_of": {"cores": "${class#box-}"}, "load_avg": [0.0$launch, 1, 2],
 "build": {"commit": "${COMMIT:-$commit}", "dirty": ${DIRTY:-false}}, "machine": {"kernel": "Linux"}, ${DATE:+"\"date\": \"$DATE\", "}"launch": $launch}
CONTEXT
case $FAKE in failed | exit1) exit 1 ;; esac
exit 0
BENCH
chmod +x bin/bench_fake

run() { # MODE ARGUMENT...
    mode=$1
    shift
    FAKE=$mode "$ridgeline" run fake --bench-dir bin "$@"
}
recalibrate() { # MODE ARGUMENT...
    mode=$1
    shift
    FAKE=$mode "$ridgeline" recalibrate fake --bench-dir bin --allow-no-git --allow-load --pause 0 "$@"
}
baseline=baselines/box-1/fake.json

# ---- Without a baseline: exit 3, but portable gates are judged, and win ----
expect 3 "no baseline" run ok
says "make one with \`ridgeline recalibrate fake\`"
verdict_is 3
expect 1 "a portable gate fails without a baseline" run wrong
says "above the ceiling of 0.001"
verdict_is 1

# ---- Calibrating ----
expect 0 "a dry run of recalibrate" recalibrate ok --dry-run
[ ! -e $baseline ] || fail "a dry run has written"
expect 0 "recalibrate" recalibrate ok
says "new"
says "fake: session 2 of 2"
says "fake: 7 of 7 launches"
says '"launches":[[1001,1002,1003,1004,1005,1006,1007],[1001,1002,1003,1004,1005,1006,1007]]' $baseline
[ "$(grep -c '{"timestamp":"20.*"load":0.01,"launches":7,"contaminated":0}' $baseline)" = 2 ] || fail "two sessions expected"
says '"timestamp": "20' $baseline
says '"clean": false' $baseline
cp $baseline good.json

# ---- Outcomes of run ----
expect 0 "the same again" run ok
says "fake: compared 2/2, passed 4"
verdict_is 0
for file in samples.csv context.json verdict.json launches/7.csv; do [ -s reports/fake/$file ] || fail "no $file"; done
[ "$(wc -l <reports/fake/samples.csv)" = 15 ] || fail "samples.csv is not 7 launches of 2 rows"
says '"load_avg":	[0.07, 1, 2]' reports/fake/context.json
expect 1 "a slow row" run slow
says "REGRESSED"
says "1.498x"
verdict_is 1
expect 1 "two slow rows are both listed" run both
[ "$(grep -c REGRESSED out)" = 2 ] || fail "two regressions expected"
expect 0 "a fast row" run fast
says "IMPROVED"
expect 2 "a missing row" run missing
says "missing: the baseline has it, this run has not"
verdict_is 2
expect 0 "a new row" run new
says "NEW"
for mode in nan zero negative unmeasured; do
    expect 2 "a time that is $mode" run $mode
    says "expected a number above 0"
    verdict_is 2
done
expect 2 "a row that is there twice" run twice
says "is there twice, in lines"
expect 2 "another unit" run unit
says "measured in 'us', the baseline in 'ns'"
expect 2 "a failed verification" run failed
says "failed: sum is off"
says "fake: 7 of 7 launches"
verdict_is 2
expect 2 "a header without rows" run header
says "has no rows"
expect 2 "a ragged file" run ragged
says "line 2: 3 fields, expected 10 as in the header"
expect 2 "a file cut short" run cut
says "the file was cut short"
expect 2 "garbage" run garbage
says "this is not text"
verdict_is 2
expect 2 "no file" run nothing
says "launch 1: reports/fake/launches/1.csv: cannot open"
verdict_is 2
expect 2 "no context" run nocontext
says "no context of"
expect 2 "a crash" run crash
says "was killed by signal 11"
says "it said last: about to crash"
verdict_is 2
expect 2 "a crash in a later launch" run second
says "launch 2: bench_fake was killed by signal 11"
says "1 launches against 14 of the baseline" # what was measured is judged all the same
expect 2 "an exit status of its own" run status
says "exited with status 7; it said last: cannot go on"
expect 2 "exit 1 without a failed row" run exit1
says "exited with status 1, though no row says what failed"
expect 2 "a wrong launch number" run launch
says "the column launch is not 1 throughout"
expect 2 "columns that change" run columns
says "its columns are not those of the first launch"
expect 2 "a class that changes" run class
says "its machine class is box-2, the first launch's box-1"
sed 's/"timeout_s": 60/"timeout_s": 0.5/' baselines/lanes/fake.json >lane && mv lane baselines/lanes/fake.json
expect 2 "a hang" run hang
says "did not end within 0.5 s and was killed"
verdict_is 2
sed 's/"timeout_s": 0.5/"timeout_s": 60/' baselines/lanes/fake.json >lane && mv lane baselines/lanes/fake.json
expect 2 "a bench that is not there" env FAKE=ok "$ridgeline" run fake --bench-dir nowhere
says "no program bench_fake in nowhere"
verdict_is 2
expect 3 "another machine" run other
says "there is one of box-1 (cores: 1, here 2)"
verdict_is 3
expect 0 "a quick run" run ok --quick
says "fake (quick): compared 1/1"
expect 2 "too few launches" run ok --launches 2
says "2 launches against 14 of the baseline cannot prove a regression among 2 rows"
expect 0 "variables that would change the bench" env BENCHMARK_FILTER=nothing FAKE=ok "$ridgeline" run fake --bench-dir bin
cmp -s $baseline good.json || fail "a run has changed the baseline"

# ---- Doctored and broken baselines, lanes ----
sed 's/\[1001,1002,1003,1004,1005,1006,1007\]/[701,702,703,704,705,706,707]/g; s/"median":1004/"median":704/' good.json >$baseline
expect 1 "a doctored baseline" run ok
says "REGRESSED"
sed 's/"median":1004/"median":704/' good.json >$baseline
expect 3 "a half doctored baseline" run ok
says "was it edited by hand?"
for schema in 1 3; do
    sed "s/\"schema\": 2/\"schema\": $schema/" good.json >$baseline
    expect 3 "another schema" run ok
    says "schema $schema, this ridgeline reads 2: recalibrate"
done
dated() { sed "s/^    \"timestamp\": \"[^\"]*\"/    \"timestamp\": \"$1\"/" good.json >$baseline; }
dated 2020-01-01T00:00:00Z
expect 3 "a stale baseline" run ok
says "it was measured on 2020-01-01"
says "renew it with \`ridgeline recalibrate fake\`"
verdict_is 3
says '"state":	"stale"' reports/fake/verdict.json
expect 1 "a portable gate fails beside a stale baseline" run wrong
dated 2999-01-01T00:00:00Z
expect 3 "a baseline from the future" run ok
says "which is still to come"
head -c 300 good.json >$baseline
expect 3 "a cut baseline" run ok
says "not JSON"
verdict_is 3
sed 's/--size=3/--size=4/' good.json >$baseline
expect 3 "a baseline of other arguments" run ok
says "the lane's bench or arguments have changed since"
sed 's/"box-1"/"box-9"/' good.json >$baseline
expect 3 "a baseline in the wrong directory" run ok
says "it is of class box-9, the samples are of box-1"
cp good.json $baseline
sed 's/"margin": 0.1/"margin": 7/' baselines/lanes/fake.json >baselines/lanes/bad.json
sed -i 's/"lane": "fake"/"lane": "bad"/' baselines/lanes/bad.json
expect 2 "a bad lane" env FAKE=ok "$ridgeline" run bad --bench-dir bin
says "bad.json: \$.gates[0].margin: is 7"
[ -s reports/bad/verdict.json ] || fail "no verdict.json for a bad lane"
expect 2 "all lanes, one of them bad" env FAKE=slow "$ridgeline" run all --bench-dir bin --quick
says "fake (quick): compared 1/1"
rm baselines/lanes/bad.json
expect 0 "all lanes" env FAKE=ok "$ridgeline" run all --bench-dir bin
sed 's/"lane": "fake"/"lane": "model"/; s/"timeout_s"/"model": {"preset": "tiny", "format": "q4_0", "seed": 1}, "timeout_s"/' \
    baselines/lanes/fake.json >baselines/lanes/model.json
expect 2 "a lane whose model is not there" env FAKE=ok "$ridgeline" run model --bench-dir bin
says "make it with \`ridgeline model synth --preset tiny --format q4_0 --seed 1 --out models/tiny-q4_0.gguf\`"
echo weights >some.gguf
expect 0 "calibrating with a model" env FAKE=ok "$ridgeline" recalibrate model --bench-dir bin --model some.gguf --allow-no-git --allow-load --pause 0
expect 0 "the same model" env FAKE=ok "$ridgeline" run model --bench-dir bin --model some.gguf
echo others! >some.gguf
expect 3 "another model" env FAKE=ok "$ridgeline" run model --bench-dir bin --model some.gguf
says "it was measured with model"
rm baselines/lanes/model.json

# ---- Waivers ----
waive() { # MAX_RATIO EXPIRES [ROWS]
    cat >baselines/waivers.json <<WAIVERS
{"schema": 1, "waivers": [
  {"lane": "fake", "rows": "${3:-b$}", "metric": "real_time", "max_ratio": $1, "expires": "$2", "reason": "known", "link": "issue 7"}]}
WAIVERS
}
waive 1.6 2999-12-31
expect 0 "a waived regression" run slow
says "waived up to 1.600x until 2999-12-31: known, issue 7"
says '"waived":	1,' reports/fake/verdict.json
expect 1 "a regression beside a waived one" run both
says "WAIVED"
run slow >out 2>&1
expect 0 "compare knows waivers, too" "$ridgeline" compare --lane fake --csv reports/fake/samples.csv --report verdicts
says "WAIVED"
expect 1 "a waiver excuses no portable gate" run wrong
waive 1.4 2999-12-31
expect 1 "a regression beyond its waiver" run slow
says "its waiver allows 1.400x until 2999-12-31, not that (known)"
waive 1.6 2020-12-31
expect 1 "a waiver that has expired" run slow
says "its waiver has expired on 2020-12-31 (known)"
waive 1.6 2999-12-31 nothing
expect 2 "a waiver that matches nothing" run ok
says "waivers.json: \$.waivers[0] matches no row with a relative gate for real_time: nothing: mend or remove it"
expect 0 "a waiver that matches nothing in a quick run" run ok --quick
expect 1 "a waiver that matches nothing hides no regression" run slow
waive 1.6 someday
expect 2 "waivers that cannot be read" run ok
says "\$.waivers[0].expires: is 'someday', expected a day"
verdict_is 2
rm baselines/waivers.json

# ---- compare ----
run ok >out 2>&1
expect 0 "compare" "$ridgeline" compare --lane fake --csv reports/fake/samples.csv --report verdicts
[ -s verdicts/verdict.json ] || fail "compare has written no verdict.json"
expect 0 "compare with a baseline by name" "$ridgeline" compare --lane=fake --csv=reports/fake/samples.csv --baseline=good.json
grep -v 'fake/b' reports/fake/samples.csv >less.csv
cp reports/fake/context.json less.csv.context.json
expect 2 "compare a CSV that lacks a row" "$ridgeline" compare --lane fake --csv less.csv
expect 0 "compare it as a quick run" "$ridgeline" compare --lane fake --csv less.csv --quick
rm less.csv.context.json
expect 3 "compare a CSV of unknown origin" "$ridgeline" compare --lane fake --csv less.csv
says "the machine class of the samples is unknown"
: >empty.csv
expect 2 "compare an empty CSV" "$ridgeline" compare --lane fake --csv empty.csv --report verdicts
says "empty.csv: is empty"
says '"exit_code":	2,' verdicts/verdict.json
expect 2 "compare a CSV that is not there" "$ridgeline" compare --lane fake --csv nowhere.csv --report verdicts
says "nowhere.csv: cannot open"
expect 3 "compare with a baseline that is not there" "$ridgeline" compare --lane fake --csv reports/fake/samples.csv --baseline no.json
expect 2 "a verdict that cannot be written" "$ridgeline" compare --lane fake --csv reports/fake/samples.csv --report empty.csv/x
says "no verdict.json"

# ---- recalibrate ----
expect 0 "the same again" recalibrate ok --dry-run
says "same    fake/a real_time: 1.004 us -> 1.004 us, 1.000x (0.998 to 1.002), +-0.3 %"
expect 2 "loosening without a reason" recalibrate slow
says "1 rows would become looser, by more than chance and days explain"
cmp -s $baseline good.json || fail "a refusal has changed the baseline"
expect 2 "creeping: 4 % slower, within the margin of 10 %" recalibrate creep
says "looser  fake/a"
expect 0 "a run that is 4 % slower" run creep
expect 0 "loosening with a reason" recalibrate slow --reason "a new compiler"
says "looser"
says '"reason": "a new compiler"' $baseline
cp good.json $baseline
expect 2 "losing a row without a reason" recalibrate missing
says "1 rows of the old baseline are gone"
expect 0 "losing a row with a reason" recalibrate missing --reason "b is no more"
says '"fake/b": "b is no more"' $baseline
expect 0 "a row that is gone is not missed" run missing
says "compared 1/1"
expect 0 "a tombstone stays" recalibrate missing
says '"fake/b": "b is no more"' $baseline
expect 0 "a row that comes back" recalibrate ok
says "new     fake/b"
says_not '"gone"' $baseline
cp good.json $baseline
expect 2 "sessions that differ" recalibrate drift --reason "because"
says "fake/b real_time: 1.004 us in session 1, 1.204 us in session 2, 1.199x, though its margin is 10 %: the machine was not the same machine"
expect 2 "a row of one session only" recalibrate one
says "fake/c: measured in session 1, not in session 2"
expect 2 "tightening that one session does not show" recalibrate half --sessions 3 --launches 5
says "but not in every session"
says "1 rows would become tighter by what not every session shows"
cmp -s $baseline good.json || fail "a refusal has changed the baseline"
expect 0 "the same with a reason" recalibrate half --sessions 3 --launches 5 --reason "as it is"
cp good.json $baseline
expect 2 "one session without a reason" recalibrate ok --sessions 1 --launches 14
says "one session says nothing of how the next will come out"
expect 0 "one session with a reason" recalibrate ok --sessions 1 --launches 14 --reason "no time"
says '"s_s":-1' $baseline
cp good.json $baseline
expect 0 "three sessions" recalibrate ok --sessions 3 --launches 5
says "fake: session 3 of 3"
cp good.json $baseline
expect 0 "tightening" recalibrate fast
says "tighter"
cp good.json $baseline
for mode in failed wrong twice nan crash; do
    expect 2 "recalibrate refuses $mode" recalibrate $mode --reason "because"
    says "refused"
    cmp -s $baseline good.json || fail "a refusal ($mode) has changed the baseline"
done
expect 2 "too few launches for a baseline" recalibrate ok --launches 3
says "6 launches: against them a quick run, which has 3, needs at least 4 to prove a regression among 1 rows"
expect 0 "a quick run" run ok --quick
expect 2 "a baseline from samples of a quick run" recalibrate ok --csv reports/fake/samples.csv
says "the samples are of a quick run"
expect 0 "a narrowed run" run ok --rows fake/a
expect 2 "a baseline from samples of a narrowed run" recalibrate ok --csv reports/fake/samples.csv
says "the samples are of a narrowed run"
expect 0 "a full run" run ok
sed 's/,0,0.0001$/,1,0.0001/' reports/fake/samples.csv >noisy.csv
cp reports/fake/context.json noisy.csv.context.json
expect 2 "a disturbed measurement" recalibrate ok --csv noisy.csv
says "repetitions were disturbed from outside"
expect 2 "one disturbed session" recalibrate ok --csv reports/fake/samples.csv,noisy.csv --reason "because"
says "session 2: 14 of 14 repetitions were disturbed from outside"
for number in 1 2; do # two sessions that are always the same two
    DATE=2026-08-22T0$number:00:00+00:00 run ok --reports kept-$number >out 2>&1
    cp kept-$number/fake/samples.csv kept-$number.csv
    cp kept-$number/fake/context.json kept-$number.csv.context.json
done
expect 0 "sessions from files" recalibrate ok --csv kept-1.csv,kept-2.csv
says '{"timestamp":"2026-08-22T01:00:00Z"' $baseline
says '"timestamp": "2026-08-22T02:00:00Z"' $baseline
cp good.json $baseline
expect 2 "one session that is given twice" recalibrate ok --csv kept-1.csv,kept-1.csv
says "sessions 1 and 2 were measured at the same time, 2026-08-22T01:00:00+00:00: they are one"
sed 's/0123456789ab/fedcba987654/' kept-2.csv.context.json >other.json
mv other.json kept-3.csv.context.json
cp kept-2.csv kept-3.csv
expect 2 "sessions of two builds" recalibrate ok --csv kept-1.csv,kept-3.csv --reason "because"
says "session 2: its bench was built from fedcba987654, the first session's from 0123456789ab"
sed 's/box-1/box-2/' kept-2.csv.context.json >kept-3.csv.context.json
expect 2 "sessions of two machines" recalibrate ok --csv kept-1.csv,kept-3.csv --reason "because"
says "session 2: its machine class is box-2, the first session's box-1"
expect 2 "a session that is not there" recalibrate ok --csv kept-1.csv,nowhere.csv
says "session 2: nowhere.csv: cannot open"
cmp -s $baseline good.json || fail "a refusal has changed the baseline"
head -c 300 good.json >$baseline
expect 2 "replacing a broken baseline without a reason" recalibrate ok
says "the old baseline cannot be read"
cp good.json $baseline

# A row that is as slow as the machine is: the control variate takes that out of it, where the gate names it.
follow() { # BANDWIDTH SESSION: 7 launches on a machine that reads so many GB/s
    awk -v bandwidth="$1" 'BEGIN {
        print "name,iterations,real_time,time_unit,error_occurred,error_message,launch,repetition,contaminated,bytes_per_second,bw_pct"
        for (launch = 1; launch <= 7; launch++) {
            now = bandwidth + launch / 10
            printf "fake/a,10,%.3f,ns,,,%d,0,0,%.0f,50\n", 50000 / now, launch, now * 5e8
        }
    }' >follow-$2.csv
    cp kept-$2.csv.context.json follow-$2.csv.context.json
}
follow_lane() { # MORE of its gate
    cat >baselines/lanes/follow.json <<LANE
{"schema": 1, "lane": "follow", "bench": "bench_fake", "launches": 7, "timeout_s": 60, "gates": [
  {"kind": "relative", "rows": "^fake/", "metric": "real_time", "better": "lower", "margin": 0.1$1}]}
LANE
}
calibrate_follow() { "$ridgeline" recalibrate follow --allow-no-git --csv follow-1.csv,follow-2.csv; }
follow 50 1
follow 40 2
follow_lane ""
expect 2 "sessions on a slower and a faster machine" calibrate_follow
says "the machine was not the same machine"
follow_lane ', "control": "read_bw"'
expect 0 "the same with a control variate" calibrate_follow
grep -qE '"beta":(1|0\.9999)' baselines/box-1/follow.json || fail "a row that follows the machine wholly has another beta"
says '"control":[[' baselines/box-1/follow.json
says '"control_of":"read_bw"' baselines/box-1/follow.json
cp baselines/box-1/follow.json read.json
sed 's/"control_of":"read_bw"/"control_of":"peak"/' read.json >baselines/box-1/follow.json
expect 2 "readings of another control variate" "$ridgeline" compare --lane follow --csv follow-2.csv
says "the gate corrects it by read_bw, the baseline's readings are of peak: recalibrate"
mv read.json baselines/box-1/follow.json
follow_lane ', "control": "read_bw"}, {"kind": "relative", "rows": "/a$", "metric": "real_time", "better": "lower",
  "margin": 0.1, "control": "peak"'
expect 2 "two control variates for one row" calibrate_follow
says "fake/a real_time: one gate corrects it by read_bw, another by peak: it can have one only"
follow_lane ', "control": "read_bw"'
follow 30 2
expect 0 "a slow machine is no slow row" "$ridgeline" compare --lane follow --csv follow-2.csv
awk -F, -v OFS=, 'NR > 1 { $3 *= 1.3 } 1' follow-2.csv >follow-1.csv
expect 1 "a slow row on a slow machine" "$ridgeline" compare --lane follow --csv follow-1.csv
follow 30 1
expect 0 "calibrating again on a slow machine" "$ridgeline" recalibrate follow --allow-no-git --csv follow-1.csv --reason "one"
says "same "
rm baselines/lanes/follow.json baselines/box-1/follow.json

# `all` takes the sessions in turns, so that those of a lane lie apart without a pause.
sed 's/"lane": "fake"/"lane": "twin"/' baselines/lanes/fake.json >baselines/lanes/twin.json
expect 0 "all lanes" env FAKE=ok "$ridgeline" recalibrate all --bench-dir bin --allow-no-git --allow-load --dry-run
[ "$(grep -o '^[a-z]*: session [12]' out | tr '\n' ' ')" = "fake: session 1 twin: session 1 fake: session 2 twin: session 2 " ] ||
    fail "sessions in another order"
says_not "waiting"
rm baselines/lanes/twin.json

# Killed at any moment, the old baseline is whole and nothing else is there.
killed_at() { # FILE that marks the moment, ARGUMENT...
    mark=$1
    shift
    rm -rf reports/fake
    mkdir -p reports/fake/session-1
    echo '{}' >reports/fake/session-1/verdict.json
    FAKE=slowly "$ridgeline" recalibrate fake --bench-dir bin --allow-no-git --allow-load --reason "x" "$@" >out 2>&1 &
    pid=$!
    while [ ! -e "$mark" ]; do
        kill -0 $pid 2>/dev/null || break
        sleep 0.1
    done
    kill -KILL $pid || fail "not to be killed at $mark"
    wait $pid 2>/dev/null
    cmp -s $baseline good.json || fail "recalibrate, killed at $mark, has changed the baseline"
    [ "$(ls baselines/box-1)" = "$(printf 'fake.json\nmodel.json')" ] || fail "recalibrate, killed at $mark, has left something"
    [ ! -e reports/fake/session-1/verdict.json ] || fail "an old verdict.json could be taken for the killed run's"
}
killed_at reports/fake/session-1/launches/2.csv
killed_at reports/fake/session-1/context.json --launches 1 --pause 1000
killed_at reports/fake/session-2/launches/1.csv --launches 2 --pause 0

# While it is written: the old one or the new one, never something else; what is left of the attempt disturbs nobody.
expect 0 "the new baseline" recalibrate ok --csv kept-1.csv,kept-2.csv --reason "x"
cp $baseline new.json
for delay in 00 01 02 03 04 05 06 07 08 09 10 12 14 16 18 20 25 30 35 40; do
    cp good.json $baseline
    "$ridgeline" recalibrate fake --allow-no-git --csv kept-1.csv,kept-2.csv --reason "x" >out 2>&1 &
    pid=$!
    sleep 0.0$delay
    kill -KILL $pid 2>/dev/null
    wait $pid 2>/dev/null
    cmp -s $baseline good.json || cmp -s $baseline new.json || fail "killed after 0.0$delay s: neither the old nor the new baseline"
done
expect 0 "after the kills" run ok
rm -f $baseline.tmp-*
cp good.json $baseline

# Interrupted, a run says what it has, and ends by the signal.
rm -rf reports/fake
FAKE=slowly "$ridgeline" run fake --bench-dir bin >out 2>&1 &
pid=$!
while [ ! -e reports/fake/launches/2.csv ]; do
    kill -0 $pid 2>/dev/null || break
    sleep 0.1
done
kill -TERM $pid
status=0
wait $pid 2>/dev/null || status=$?
[ $status = 143 ] || fail "an interrupted run ended with $status, not by the signal"
says "interrupted by signal 15"
grep -q '"exit_code":[[:space:]]*2' reports/fake/verdict.json || fail "an interrupted run has left no verdict"
[ -z "$(ls reports/fake | grep tmp)" ] || fail "an interrupted run has left something behind"
if [ -c /dev/full ]; then
    status=0
    "$ridgeline" list >/dev/full 2>out || status=$?
    [ $status = 2 ] || fail "a full disk ended list with $status"
    says "cannot write to standard output"
fi

# A tree with changes is refused; baselines alone are no change.
if command -v git >/dev/null; then
    (
        git init -q . && git config user.email x@example.com && git config user.name x &&
            printf 'out\nreports\nverdicts\n*.csv\n*.json\n!baselines/**\n*.gguf\n' >.gitignore && git add -A && git commit -qm all
    ) >out 2>&1 || fail "no repository to test in"
    COMMIT=$(git rev-parse --short=12 HEAD)
    export COMMIT
    strict() { FAKE=ok "$ridgeline" recalibrate fake --bench-dir bin --allow-load --dry-run --pause 0 "$@"; }
    expect 0 "a clean tree" strict
    echo '{}' >>$baseline
    expect 2 "a baseline that was spoilt by hand" strict
    says "something follows the end of the document"
    cp good.json $baseline
    echo '{}' >baselines/box-1/other.json
    expect 0 "a tree in which only baselines have changed" strict
    echo '{}' >baselines/lanes/other.txt
    expect 2 "a tree in which a lane has changed" strict
    says "the tree has changes that are in no commit, the first is:"
    says "baselines/lanes/other.txt"
    rm baselines/lanes/other.txt
    DIRTY=true expect 2 "a bench that was built from changes" strict
    says "the bench was built from a tree with changes"
    COMMIT=0123456789ab expect 2 "a bench that was built from another commit" strict
    says "the bench was built from 0123456789ab, the tree is at"
    rm -rf .git
fi
expect 2 "no repository" env GIT_CEILING_DIRECTORIES="$tmp/.." FAKE=ok "$ridgeline" recalibrate fake --bench-dir bin --allow-load
says "so nobody could say what was measured (--allow-no-git)"

# ---- Usage ----
for arguments in "" "bogus" "run" "run fake extra" "run --bogus fake" "run nolane" "run ../fake" "run fake --launches 0" \
    "run fake --launches 1001" "run fake --launches x" "run fake --launches" "run fake --quick=1" "compare" \
    "compare --lane fake" "compare --csv x" "compare --lane nolane --csv x" "machine x" "list x" "recalibrate" \
    "recalibrate nolane" "recalibrate fake --sessions 0" "recalibrate fake --sessions 17" \
    "recalibrate fake --csv a,,b" "recalibrate fake --pause x" "run fake --baselines nowhere" "model" "model synth" "model info" \
    "model synth --preset nosuch --out x.gguf" "model synth --preset tiny --format nosuch --out x.gguf"; do
    # shellcheck disable=SC2086 # words
    expect 64 "ridgeline $arguments" "$ridgeline" $arguments
done
expect 64 "an unknown ISA" env RL_ISA=mmx "$ridgeline" machine
says "unknown ISA 'mmx'"
expect 64 "run nolane" "$ridgeline" run nolane
says "no lane 'nolane' in baselines/lanes: there are fake"
for command in "" run compare recalibrate machine list "model synth" "model info"; do
    # shellcheck disable=SC2086 # words
    expect 0 "ridgeline $command --help" "$ridgeline" $command --help
    says "usage: ridgeline"
    says "exit status"
done
expect 0 "--version" "$ridgeline" --version
says "ridgeline "
expect 0 "machine" "$ridgeline" machine
says "brand"
expect 0 "machine as JSON" "$ridgeline" machine --json
says '"machine_class":'
expect 0 "list" "$ridgeline" list
says "gemv_q4_0_scalar"
expect 0 "list --lanes" "$ridgeline" list --lanes
says "bench_fake"
expect 2 "info of a file that is no model" "$ridgeline" model info "$baseline"
expect 0 "synth --list" "$ridgeline" model synth --list
says "tiny"

# A gate that says its ISA: what this machine runs decides.
class=$("$ridgeline" machine | head -n 1)
"$ridgeline" machine --json | sed 's/^}$/,"build": {"commit": "x", "dirty": false}, "machine": {}}/' >isa.csv.context.json
grep -E 'name|,1,0,0,' reports/fake/launches/1.csv >isa.csv
lane_with_isa() {
    cat >baselines/lanes/isa.json <<LANE
{"schema": 1, "lane": "isa", "bench": "b", "launches": 1, "timeout_s": 1, "gates": [
  {"kind": "ceiling", "rows": "fake", "metric": "max_error", "max": 1},
  {"kind": "ceiling", "rows": "nothing", "metric": "max_error", "max": 1, "isa": "$1"}]}
LANE
}
lane_with_isa scalar
expect 2 "a gate whose ISA runs here and whose rows are not there" "$ridgeline" compare --lane isa --csv isa.csv
says "scalar runs on this machine, but the gate matches no row"
foreign=neon
[ "$(uname -m)" != aarch64 ] || foreign=avx2
lane_with_isa $foreign
expect 0 "a gate whose ISA does not run here ($class)" "$ridgeline" compare --lane isa --csv isa.csv
says "needs $foreign, and this machine's best is"

cp reports/fake/context.json isa.csv.context.json
expect 2 "a gate with an ISA, samples of another machine" "$ridgeline" compare --lane isa --csv isa.csv
says "whether $foreign runs where the samples were taken is not known here"

echo "$checks checks, $failures failed"
[ $failures = 0 ]
