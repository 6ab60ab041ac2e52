#!/bin/sh
# test_cli_companion.sh RIDGELINE - lanes with a companion: by turns with the bench, its rows beside the bench's, the ratio
# to them and its lower bound, what is missing and said so, and what is not believed. Both programs are shell scripts.
set -u
ridgeline=$1
. "$(dirname "$0")/cli.sh"
cd "$tmp" || exit 1

mkdir -p bin baselines/lanes
cat >baselines/lanes/pair.json <<'LANE'
{
  "schema": 1, "lane": "pair", "bench": "bench_pair", "launches": 6, "timeout_s": 60, "model": "optional",
  "quick": {"launches": 5, "filter": "/a$"},
  "companion": {"program": "other.sh", "rows": "^pair/other/", "args": ["--slowly"], "quick_args": ["--fast"], "timeout_s": 5},
  "summary": ["real_time", "nothing"],
  "gates": [
    {"kind": "ratio", "rows": "^pair/own/", "from": "/own/", "to": "/other/", "metric": "real_time", "better": "lower",
     "min": 5, "bound": "lower95", "companion": true, "note": "five times"},
    {"kind": "ceiling", "rows": "^pair/own/", "metric": "max_error", "max": 0}
  ]
}
LANE
cat >bin/bench_pair <<'BENCH'
#!/bin/sh
model=none
for argument; do
    case $argument in
    --benchmark_out=*) out=${argument#*=} ;;
    --launch=*) launch=${argument#*=} ;;
    --model=*) model=${argument#*=} ;;
    esac
done
echo "bench $launch $model" >>turns
{
    echo "name,iterations,real_time,time_unit,error_occurred,error_message,launch,repetition,contaminated,max_error,label"
    echo "pair/own/a,10,10$launch,ns,,,$launch,0,0,0,ours"
    [ "$FAKE" != thief ] || echo "pair/other/b,10,10$launch,ns,,,$launch,0,0,0,ours"
} >"$out"
cat >"$out.context.json" <<CONTEXT
{"machine_class": "box-1", "machine_class_of": {"cores": "1"}, "companion": "a lie",
 "build": {"commit": "0123456789ab", "dirty": false}, "machine": {"kernel": "Linux"}, "launch": $launch}
CONTEXT
BENCH
cat >bin/other.sh <<'OTHER'
#!/bin/sh
own='' filter=none model=none
for argument; do
    case $argument in
    --benchmark_out=*) out=${argument#*=} ;;
    --launch=*) launch=${argument#*=} ;;
    --columns-from=*) columns=${argument#*=} ;;
    --bench=*) bench=${argument#*=} ;;
    --model=*) model=${argument#*=} ;;
    --benchmark_filter=*) filter=${argument#*=} ;;
    --slowly | --fast) own=$argument ;;
    --benchmark_out_format=csv) ;;
    *) echo "unknown argument $argument" >&2; exit 64 ;;
    esac
done
echo "other $launch $own $filter $model" >>turns
[ -x "$bench" ] || exit 3
case $FAKE in
absent) printf 'looked round\nother: the package is not there: run other.sh --install\n' >&2; exit 69 ;;
silent) exit 69 ;;
late) [ "$launch" = 1 ] || exit 69 ;;
crash) echo "about to crash" >&2; kill -SEGV $$ ;;
hang) sleep 60 ;;
usage) exit 64 ;;
esac
name=pair/other/a time=100$launch row=$launch error=
case $FAKE in
below) time=40$launch ;;
between) [ "$launch" = 3 ] && time=40$launch ;;
named) name=pair/own/b ;;
launch) row=9 ;;
nan) time=nan ;;
failed) error=true time= ;;
lost) name=pair/other/b ;;
esac
{
    if [ "$FAKE" = columns ]; then echo "name,real_time"; else head -n 1 "$columns"; fi
    case $FAKE in
    empty) ;;
    ragged) echo "pair/other/a,1" ;;
    garbage) head -c 3000 "$0" | tr 'a-z' '\001-\032' ;;
    *) echo "$name,10,$time,ns,$error,${error:+other ids},$row,0,0,0,theirs 1.2" ;;
    esac
    [ "$FAKE" != twice ] || echo "$name,10,$time,ns,,,$row,0,0,0,theirs"
} >"$out"
[ "$FAKE" != failed ] || exit 1
OTHER
chmod +x bin/bench_pair bin/other.sh

run() { # MODE ARGUMENT...
    mode=$1
    shift
    rm -f turns
    FAKE=$mode "$ridgeline" run pair --bench-dir bin "$@"
}

# ---- By turns, and compared ----
expect 0 "a companion that is ten times slower" run ok
is "the turns" "$(cut -d' ' -f1-2 turns | tr '\n' ' ')" \
    "bench 1 other 1 other 2 bench 2 bench 3 other 3 other 4 bench 4 bench 5 other 5 other 6 bench 6 "
says "other 1 --slowly none none" turns
is "the lines of samples.csv" "$(wc -l <reports/pair/samples.csv)" 13
says '"companion":	"ran"' reports/pair/context.json
says '"lower95":	9.49' reports/pair/summary.json
says '"label":	"theirs 1.2"' reports/pair/summary.json
says '"real_time":	1003.5' reports/pair/summary.json
says_not '"nothing"' reports/pair/summary.json
expect 0 "the same samples, compared" "$ridgeline" compare --lane pair --csv reports/pair/samples.csv --report verdicts
[ -s verdicts/summary.json ] || fail "compare has written no summary.json"
says_not "no gate for"
echo vocabulary >some.model
expect 0 "a quick run with a vocabulary" run ok --quick --vocab some.model
says "bench 1 some.model" turns
says "other 1 --fast /a\$ some.model" turns
expect 0 "--model is for lanes that need one" run ok --model some.model
says "bench 1 none" turns
expect 1 "four times is not five" run below
says "times as good as pair/other/a: 5 times wanted (five times)"
expect 2 "a median that is enough, and a bound that is not" run between
says "of that the lower 95 % bound is"
expect 2 "too few launches for a bound" run ok --launches 4
says "4 launches have no lower 95 % bound: at least 5 are needed"

# ---- Not there ----
expect 0 "a companion without its package" run absent
says "pair: without other.sh: other: the package is not there: run other.sh --install"
says '"companion":	"other: the package is not there: run other.sh --install"' reports/pair/context.json
says '"not_applicable":	1' reports/pair/verdict.json
says "without other.sh: other: the package is not there: run other.sh --install" reports/pair/verdict.json
is "how often it was tried" "$(grep -c other turns)" 1
expect 0 "one that does not say why" run silent
says "pair: without other.sh: it cannot run here, and does not say why"
expect 2 "one that is there at first, and then not" run late
says "launch 2: other.sh exited with status 69"
mv bin/other.sh bin/there.sh
expect 0 "one that is not there at all" run ok
says "pair: without other.sh: no program other.sh"
sed '1s/.*/#!\/usr\/bin\/env nosuchinterpreter/' bin/there.sh >bin/other.sh
chmod +x bin/other.sh
expect 0 "one whose interpreter is not there" run ok
says "pair: without other.sh: "
mv bin/there.sh bin/other.sh

# ---- Not believed ----
expect 2 "a crash" run crash
says "launch 1: other.sh was killed by signal 11"
expect 2 "bad usage" run usage
says "launch 1: other.sh exited with status 64"
expect 2 "a hang" run hang
says "launch 1: other.sh did not end within 5 s and was killed"
expect 2 "a name that is the bench's" run named
says "pair/own/b: the name of a row of the bench, which is not the companion's to measure"
expect 2 "a bench with the companion's name" run thief
says "pair/other/b: the name of a row of the companion, which is not the bench's to measure"
expect 2 "a wrong launch number" run launch
says "the column launch is not 1 throughout"
expect 2 "other columns" run columns
says "launch 1: reports/pair/launches/1.companion.csv: "
expect 2 "a header without rows" run empty
says "has no rows"
expect 2 "a ragged row" run ragged
says "line 2: 2 fields, expected 11 as in the header"
expect 2 "garbage" run garbage
says "this is not text"
expect 2 "a time that is no number" run nan
says "expected a number above 0"
expect 2 "a row that is there twice" run twice
says "is there twice, in lines"
expect 2 "other ids" run failed
says "failed: other ids"
expect 2 "rows, but none to compare with" run lost
says "the companion ran, and left no row that a ratio could be taken to"

echo "$checks checks, $failures failures"
[ $failures = 0 ]
