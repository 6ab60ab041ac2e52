#!/bin/sh
# test_cli_ab.sh RIDGELINE SOURCE - ridgeline ab and tools/ab-worktree.sh from end to end, on builds whose bench is
# fake_bench.sh. Its times are made up, so nothing here hangs on how fast anything runs.
set -u
ridgeline=$1
source=$2
. "$(dirname "$0")/cli.sh"
cd "$tmp" || exit 1

mkdir -p old/micro new/bin baselines/lanes
cp "$source/tests/fake_bench.sh" old/micro/bench_fake
cp "$source/tests/fake_bench.sh" new/bin/bench_fake
cat >baselines/lanes/fake.json <<'LANE'
{
  "schema": 1, "lane": "fake", "bench": "bench_fake", "args": ["--size=3"], "launches": 7, "timeout_s": 60,
  "quick": {"launches": 3, "filter": "^fake/a$"},
  "gates": [
    {"kind": "relative", "rows": "^fake/", "metric": "real_time", "better": "lower", "margin": 0.1},
    {"kind": "ceiling", "rows": "^fake/", "metric": "real_time", "max": 1, "unit": "ns"}
  ]
}
LANE
report=reports/ab/fake

# ab OLD-MODE NEW-MODE ARGUMENT...: what the builds do, and how they are compared.
ab() {
    echo "$1" >old/micro/mode
    echo "$2" >new/bin/mode
    shift 2
    "$ridgeline" ab --old old --new new --lane fake --seed 1 "$@"
}
verdict_is() {
    says "\"exit_code\":	$1," $report/verdict.json
}
launches() { find $report/launches -name '*.csv' | wc -l; }

# ---- Outcomes ----
expect 0 "equal builds" ab a=1000 a=1000
says "fake: compared 2/2, passed 2"
says "seed 1"
verdict_is 0
is "the number of launches" "$(launches)" 69 # three to try out, eleven blocks
is "the number of null launches" "$(grep -c '"arm":	"null"' $report/ab.json)" 22
says '"seed":	"1"' $report/ab.json
says '"stage":	"screening"' $report/ab.json
cp $report/ab.json first.json

expect 1 "a row that is slower by 10 %" ab b=2000 b=2200
says "REGRESSED"
says "1.100x"
says "and confirmed"
says "fake: compared 2/2, regressed 1, passed 1"
verdict_is 1
is "the number of launches" "$(launches)" 129 # ten more blocks to confirm
is "the rows of the last launch" "$(grep -c fake/ $report/launches/129.csv)" 1
expect 1 "both rows slower" ab a=1000 "a=1200 b=2500"
is "the regressions" "$(grep -c ' REGRESSED' out)" 2
expect 0 "slower by less than the margin" ab b=2000 b=2200 --margin 20
expect 0 "a faster row" ab b=2000 b=1500
says "IMPROVED"
expect 0 "a row that is slower in screening alone" ab a=1000 "a=1000 until=69 by=10"
says "it seemed slower in screening"
says "fake: compared 2/2, passed 2"

# Three of five blocks 5 % slower: suspicious, and not proven. Two of five: not shown to be within the margin.
expect 2 "beyond the margin without proof" ab a=1000 "hits=3 every=5 by=5" --rows 'fake/b$'
says "INCONCLUSIVE"
says "beyond the margin, but that many do not show it"
is "the number of launches" "$(launches)" 483 # 80 blocks
verdict_is 2
expect 0 "within the margin without proof" ab a=1000 "hits=2 every=5 by=5" --rows 'fake/b$'
says "within the margin, but that many do not show it"
expect 125 "the same in a bisection" ab a=1000 "hits=2 every=5 by=5" --rows 'fake/b$' --bisect
expect 0 "not slower, in a bisection" ab a=1000 a=1000 --bisect
expect 1 "slower, in a bisection" ab a=1000 a=1200 --bisect
expect 125 "broken, in a bisection" ab a=1000 fails --bisect
if [ -w /dev/full ]; then
    into_full() { ab "$@" >/dev/full; } # the report is lost, the result is not
    expect 2 "a report that nobody gets" into_full a=1000 a=1000
    expect 0 "not slower, in a bisection, to nobody" into_full a=1000 a=1000 --bisect
    expect 1 "slower, in a bisection, to nobody" into_full a=1000 a=1200 --bisect
    expect 125 "broken, in a bisection, to nobody" into_full a=1000 fails --bisect
fi

# ---- Shared iteration counts: the new build would choose others ----
expect 0 "builds that count differently" ab iterations=1000 iterations=777
is "launches with another count" "$(grep -L ',1000,' $report/launches/*.csv | grep -cv context)" 0
is "the order of the same seed" "$(grep arm $report/ab.json | cksum)" "$(grep arm first.json | cksum)"
expect 0 "another seed" ab a=1000 a=1000 --seed 2
checks=$((checks + 1))
[ "$(grep arm $report/ab.json | cksum)" != "$(grep arm first.json | cksum)" ] || fail "another seed has the same order"

# ---- The null arm: seed 1 says which launches it has; made slower, it discredits the run ----
grep -E '"(launch|arm)":' first.json | paste - - | sed -n 's/.*"launch":[^0-9]*\([0-9]*\),.*"null".*/\1/p' >null-launches
is "null launches" "$(wc -l <null-launches)" 22
expect 2 "a null arm that moves" ab "slow_from=$tmp/null-launches by=10" a=1000
says "null arm: in screening the old build against itself seems 1.100x"
says "BROKEN"
verdict_is 2
expect 2 "a regression beside a null arm that moves" ab "slow_from=$tmp/null-launches by=10" "a=1000 b=2500"
says "but the null arm moved, too"
says "1.250x"
verdict_is 2

# ---- Rows that are not in both, or broken ----
expect 2 "a row that the new build lacks" ab a=1000 rows=fake/a
says "missing: the old build has it, the new one has not"
expect 0 "a row that only the new build has" ab rows=fake/a a=1000
says "the old build has no such row"
expect 2 "no row in common" ab rows=fake/a rows=fake/b
says "no row is in both builds"
expect 2 "a row that fails" ab a=1000 fails
says "failed by the new build: sum is off"
says "fake: compared 1/2"
expect 2 "a row that the new build skips" ab a=1000 skips
says "missing: skipped by the new build: cpu lacks it"
expect 0 "a row that both skip" ab skips skips
says "not applicable 1"
expect 0 "a row that the old build skipped" ab skips a=1000
says "skipped by the old build: cpu lacks it"
expect 2 "a time of nothing" ab a=1000 zero
says "real_time is 0, expected a number above 0"
expect 2 "another unit" ab a=1000 unit=us
says "measured in 'us' by the new build, before that in 'ns'"
expect 2 "a row that is listed and not run" ab a=1000 loses
says "missing from launch 2, of the new build"
expect 2 "a crash in the middle" ab a=1000 crash
says "was killed by signal 11"
says "about to crash"
verdict_is 2
expect 2 "a list of garbage" ab a=1000 garbage
says "which is no name of a benchmark"
expect 2 "an old build that cannot share its counts" ab flagless a=1000
says "unrecognized command-line flag: --benchmark_iterations_from"
sed 's/"timeout_s": 60/"timeout_s": 0.5/' baselines/lanes/fake.json >lane && mv lane baselines/lanes/fake.json
expect 2 "a hang" ab a=1000 hang
says "did not end within 0.5 s and was killed"
sed 's/"timeout_s": 0.5/"timeout_s": 60/' baselines/lanes/fake.json >lane && mv lane baselines/lanes/fake.json

# ---- Which rows, which lanes, where to ----
expect 0 "a quick run" ab a=1000 b=4000 --quick
says "fake (quick): compared 1/1"
expect 0 "one row" ab a=1000 b=4000 --rows 'a$'
says "compared 1/1"
expect 0 "all lanes, and a report elsewhere" ab a=1000 a=1000 --lane all --report elsewhere --markdown page.md
[ -s elsewhere/fake/verdict.json ] || fail "no verdict.json elsewhere"
[ -s elsewhere/fake/ab.json ] || fail "no ab.json elsewhere"
says "ridgeline: fake" page.md
expect 2 "rows that are not there" ab a=1000 a=1000 --rows nothing
says "no row is in both builds"
: >file
expect 2 "a report that cannot be written" ab a=1000 a=1000 --report file
says "cannot make the directory of the report"

# ---- Too little time: two first looks of eleven blocks of six launches of at least 0.1 s ----
expect 2 "a budget that shows nothing" ab wait=0.1 wait=0.1 --budget 5
says "underpowered: before a regression among 2 rows could be shown it takes 11 blocks of 6 launches"
verdict_is 2
is "the number of launches" "$(launches)" 3

# ---- Bad usage ----
for margin in 0 0.05 101 x -1 1e1 2% ''; do
    expect 64 "a margin of '$margin'" ab a=1000 a=1000 --margin "$margin"
done
expect 64 "no new build" "$ridgeline" ab --old old
expect 64 "an unknown lane" ab a=1000 a=1000 --lane nosuch
says "no lane 'nosuch'"
expect 64 "rows that are no pattern" ab a=1000 a=1000 --rows '('
expect 64 "a budget of nothing" ab a=1000 a=1000 --budget 0
expect 0 "help" "$ridgeline" ab --help
says "null arm"
rm new/bin/bench_fake
expect 2 "a build without the bench" ab a=1000 a=1000
says "the new build: no program bench_fake in new, nor in its micro/, e2e/ or bin/"
verdict_is 2
cp "$source/tests/fake_bench.sh" new/bin/bench_fake

# ---- Interrupted, it says what it has, and ends by the signal ----
echo wait=0.2 >old/micro/mode
echo wait=0.2 >new/bin/mode
rm -rf $report
"$ridgeline" ab --old old --new new --lane fake >out 2>&1 &
pid=$!
while [ ! -e $report/launches/5.csv ]; do
    kill -0 $pid 2>/dev/null || break
    sleep 0.1
done
kill -TERM $pid
status=0
wait $pid 2>/dev/null || status=$?
is "the end of an interrupted run" $status 143
says "interrupted by signal 15"
verdict_is 2

# The same between two launches, where it waits for someone to read its progress: a pipe is full, after its first line.
rm -rf $report
mkfifo pipe
exec 9<>pipe
head -c $((65536 - 13)) /dev/zero >&9 # "fake: seed 1"
"$ridgeline" ab --old old --new new --lane fake --seed 1 >out 2>&9 &
pid=$!
while [ ! -d $report/launches ] && kill -0 $pid 2>/dev/null; do sleep 0.1; done
sleep 1
kill -TERM $pid
sleep 0.2
cat <&9 >/dev/null &
reader=$!
status=0
wait $pid 2>/dev/null || status=$?
kill $reader
exec 9>&-
is "the end of a run interrupted between launches" $status 143
says "interrupted by signal 15"
verdict_is 2

# ---- tools/ab-worktree.sh, in a repository whose builds are two copies of the fake ----
mkdir repository
cd repository || exit 1
git init -q .
git config user.name tester
git config user.email tester@example.org
cat >CMakeLists.txt <<CMAKE
cmake_minimum_required(VERSION 3.25)
project(fake LANGUAGES NONE)
file(MAKE_DIRECTORY \${CMAKE_BINARY_DIR}/tools)
file(COPY bench_fake mode DESTINATION \${CMAKE_BINARY_DIR}/micro)
file(CREATE_LINK "$ridgeline" \${CMAKE_BINARY_DIR}/tools/ridgeline SYMBOLIC)
CMAKE
cat >CMakePresets.json <<'PRESETS'
{
  "version": 6,
  "configurePresets": [{"name": "release", "binaryDir": "${sourceDir}/build/release", "cacheVariables": {"CMAKE_BUILD_TYPE": "Release"}}],
  "buildPresets": [{"name": "release", "configurePreset": "release"}]
}
PRESETS
mkdir -p tools
cp "$source/tests/fake_bench.sh" bench_fake
cp -r ../baselines .
commit() { # MODE
    echo "$1" >mode
    git add -A
    git commit -q -m "mode $1"
}
commit b=2000
git tag fast
commit b=2300
git tag slow
commit 'b=2000 every=bad'
sed -i 's/LANGUAGES NONE/NO SUCH/' CMakeLists.txt
git commit -qam broken
git tag broken
git checkout -q slow
echo "not committed" >mode
before=$(git status --porcelain; cat mode; git worktree list | wc -l; git branch -a)
worktree() { TMPDIR=$tmp/t "$source/tools/ab-worktree.sh" "$@"; }
mkdir "$tmp/t"
expect 1 "a slower commit" worktree fast slow --lane fake
says "REGRESSED" # by about 1.150x: the order, and with it the noise, is chosen anew
expect 0 "the same commit twice" worktree slow slow --lane fake --rows 'a$'
says "compared 1/1"
expect 2 "a commit that does not build" worktree fast broken --lane fake
says "does not build"
expect 64 "no such commit" worktree fast nosuch
says "'nosuch' is no commit here"
expect 64 "an option for a commit" worktree --output=x fast
expect 64 "one commit" worktree fast
expect 0 "its help" worktree --help
is "the work tree after all that" "$(git status --porcelain | grep -v reports; cat mode; git worktree list | wc -l; git branch -a)" "$before"
is "what is left in the temporary directory" "$(ls "$tmp/t")" ""

# Interrupted in the middle, nothing is left of it either.
git stash -q
echo "wait=0.2" >mode
git commit -qam waiting
rm -rf reports
TMPDIR=$tmp/t "$source/tools/ab-worktree.sh" HEAD HEAD --lane fake >"$tmp/out" 2>&1 &
pid=$!
while [ ! -e $report/launches/5.csv ]; do
    kill -0 $pid 2>/dev/null || break
    sleep 0.1
done
kill -TERM $pid
status=0
wait $pid 2>/dev/null || status=$?
is "the end of an interrupted script" $status 143
is "what is left in the temporary directory" "$(ls "$tmp/t")" ""
is "worktrees" "$(git worktree list | wc -l)" 1
cd ..

echo "$checks checks, $failures failed"
[ $failures = 0 ]
