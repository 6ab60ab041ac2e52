#!/bin/sh
# test_cli_bisect.sh RIDGELINE SOURCE - ridgeline bisect on a repository of 32 commits, the bench of which is
# fake_bench.sh: commit N says in `mode` how slow it is, so the slow one is known and timing decides nothing.
# shellcheck disable=SC2016 # build commands are expanded by the shell that runs them
set -u
ridgeline=$1
source=$2
. "$(dirname "$0")/cli.sh"

mkdir -p "$tmp/repository/baselines/lanes" "$tmp/t"
export TMPDIR="$tmp/t"
cd "$tmp/repository" || exit 1
cp "$source/tests/fake_bench.sh" bench_fake
cat >baselines/lanes/fake.json <<'LANE'
{
  "schema": 1, "lane": "fake", "bench": "bench_fake", "args": ["--size=3"], "launches": 7, "timeout_s": 60,
  "gates": [{"kind": "relative", "rows": "^fake/", "metric": "real_time", "better": "lower", "margin": 0.1}]
}
LANE
echo /reports/ >.gitignore
echo 'cp bench_fake mode "$BUILD"/' >build.sh
git init -q .
git config user.name tester
git config user.email tester@example.org

# Commit 22 makes row b 8 % slower; 19 does not build; 27 makes row a slower; each moves b a little to and fro.
number=1
while [ $number -le 32 ]; do
    b=$((2000 + number % 3)) a=1000
    [ $number -lt 22 ] || b=$((2160 + number % 3))
    [ $number -lt 27 ] || a=1300
    echo "a=$a b=$b" >mode
    [ $number != 19 ] || echo 'exit 1' >build.sh
    [ $number != 20 ] || echo 'cp bench_fake mode "$BUILD"/' >build.sh
    git add -A
    git commit -q -m "commit $number"
    git tag "c$number"
    number=$((number + 1))
done
echo 'not committed' >>mode
git bisect start -q 2>/dev/null || git bisect start >/dev/null # one of the user's own, under way
git bisect bad c30 2>/dev/null >&2
before() {
    git status --porcelain
    git worktree list
    git for-each-ref
    git bisect log
    ls "$tmp/t"
}
before >"$tmp/before"

bisect() { "$ridgeline" bisect --lane fake --row fake/b --build 'sh build.sh' "$@"; }
modelled() { # the lane needs a model
    mkdir -p "$tmp/modelled/lanes"
    sed 's/"launches"/"model": {"preset": "tinyllama-1.1b", "format": "q4_0", "seed": 1}, &/' baselines/lanes/fake.json \
        >"$tmp/modelled/lanes/fake.json"
    bisect --good c1 --bad c32 --baselines "$tmp/modelled" "$@"
}
untouched() {
    before >"$tmp/after"
    checks=$((checks + 1))
    cmp -s "$tmp/before" "$tmp/after" || fail "$1: the repository or the temporary directory is not as it was: $(diff "$tmp/before" "$tmp/after")"
}

expect 0 "a slow commit among 32" bisect --good c1 --bad c32
says "first slow commit: $(git rev-parse c22) commit 22"
says "fake/b: 1.0" # 2161 against 2000, and up to 0.5 % of noise on each
says "against the commit before"
untouched "a bisection"
says "git bisect bad $(git rev-parse c22)" reports/bisect/bisect.log
[ -s reports/bisect/found/verdict.json ] || fail "no verdict of the found commit"

expect 0 "a commit beside one that does not build" bisect --good c17 --bad c23
says "first slow commit: $(git rev-parse c22)"
expect 2 "a commit that is not slower" bisect --good c3 --bad c21
says "c21 is not shown to be slower than c3 in fake/b: "
says "nothing to look for"
untouched "nothing to look for"
expect 2 "slower by less than the margin" bisect --good c1 --bad c32 --margin 20
says "is not shown to be slower"
expect 2 "an end that does not build" bisect --good c19 --bad c32
says "does not build: see"
says "both ends must build"
untouched "an end that does not build"
expect 2 "a row that is not there" "$ridgeline" bisect --good c1 --bad c32 --lane fake --row fake/c --build 'sh build.sh'
says "is not shown to be slower"

# Only what does not build lies between: git names the two that are left.
git worktree add -q --detach "$tmp/side" c18
(
    cd "$tmp/side" || exit 1
    echo 'exit 1' >build.sh
    echo b=2000 >mode
    git commit -qam "does not build" && git tag d19
    printf 'cp bench_fake mode "$BUILD"/\n' >build.sh
    echo b=2300 >mode
    git commit -qam "builds again, and is slow" && git tag d20
)
git worktree remove --force "$tmp/side"
before >"$tmp/before"
expect 2 "only skipped commits left" bisect --good c18 --bad d20
says "no single commit was found"
says "$(git rev-parse d19)"
untouched "only skipped commits"

# Slow by small steps: the first commit beyond the margin is found, and said to be not alone.
git worktree add -q --detach "$tmp/side" c18
(
    cd "$tmp/side" || exit 1
    for b in 2120 2250 2380; do
        echo "b=$b" >mode
        git commit -qam "b is $b" && git tag "s$b"
    done
)
git worktree remove --force "$tmp/side"
before >"$tmp/before"
expect 2 "slow by small steps" bisect --good c18 --bad s2380 --margin 10
says "first slow commit: $(git rev-parse s2250)"
says "That alone is not shown to be a regression"
untouched "small steps"

# What goes wrong in a step's comparison is no commit's fault: here the lane's file is gone, so that ab ends with 64.
cp -r baselines "$tmp/vanishing"
expect 2 "steps that cannot compare" "$ridgeline" bisect --good c1 --bad c32 --lane fake --row fake/b \
    --baselines "$tmp/vanishing" --build "sh build.sh && case \$BUILD in */step) rm -f '$tmp/vanishing/lanes/fake.json' ;; esac"
says "ridgeline ab: no lanes in"
says "no single commit was found"
untouched "steps that cannot compare"
expect 2 "a model that is not there" modelled --model "$tmp/none.gguf"
says "none.gguf"
untouched "a model that is not there"

# ---- Bad usage ----
expect 64 "no such commit" bisect --good c1 --bad nosuch
says "--bad: 'nosuch' is no commit here"
expect 64 "an option for a commit" bisect --good --all --bad c32
expect 64 "ends the wrong way round" bisect --good c32 --bad c1
says "is no ancestor of"
expect 64 "the same commit" bisect --good c5 --bad c5
expect 64 "no such lane" "$ridgeline" bisect --good c1 --bad c32 --lane nosuch --row fake/b
expect 64 "a row that is no name" "$ridgeline" bisect --good c1 --bad c32 --lane fake --row 'fake b'
expect 64 "a bad margin" bisect --good c1 --bad c32 --margin nothing
expect 64 "no row" "$ridgeline" bisect --good c1 --bad c32 --lane fake
expect 0 "help" "$ridgeline" bisect --help
untouched "bad usage"

# ---- Interrupted, it tidies up and ends by the signal: while it compares, and while it builds ----
interrupted() { # WHAT FILE ARGUMENT...
    what=$1 file=$2
    shift 2
    rm -rf reports
    "$ridgeline" bisect --good c1 --bad c32 --lane fake --row fake/b "$@" >"$tmp/out" 2>&1 &
    pid=$!
    while [ ! -e "$file" ]; do
        kill -0 $pid 2>/dev/null || break
        sleep 0.1
    done
    kill -INT $pid
    status=0
    wait $pid 2>/dev/null || status=$?
    is "the end of a bisection interrupted $what" $status 130
    untouched "interrupted $what"
}
interrupted "while it compares" reports/bisect/ends/launches/5.csv \
    --build 'cp bench_fake mode "$BUILD"/ && echo "wait=0.2 $(cat mode)" >"$BUILD/mode"'
interrupted "while it bisects" reports/bisect/steps/fake/launches/5.csv \
    --build 'cp bench_fake mode "$BUILD"/ && case $BUILD in */step) echo "wait=0.2 $(cat mode)" >"$BUILD/mode" ;; esac'
interrupted "while it builds" "$tmp/building" --build "touch '$tmp/building'; sleep 600"

# A second signal does not keep it from tidying up.
mkdir "$tmp/slow"
cat >"$tmp/slow/git" <<GIT
#!/bin/sh
case "\$*" in *"worktree remove"*) touch "$tmp/tidying"; sleep 1 ;; esac
exec $(command -v git) "\$@"
GIT
chmod +x "$tmp/slow/git"
rm "$tmp/building"
PATH="$tmp/slow:$PATH" "$ridgeline" bisect --good c1 --bad c32 --lane fake --row fake/b \
    --build "touch '$tmp/building'; sleep 600" >"$tmp/out" 2>&1 &
pid=$!
for file in building tidying; do
    while [ ! -e "$tmp/$file" ] && kill -0 $pid 2>/dev/null; do sleep 0.1; done
    kill -INT $pid
done
status=0
wait $pid 2>/dev/null || status=$?
is "the end of a bisection interrupted twice" $status 130
untouched "interrupted twice"

echo "$checks checks, $failures failed"
[ $failures = 0 ]
