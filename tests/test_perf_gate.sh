#!/bin/sh
# test_perf_gate.sh ROOT - perf-gate.sh and run-lane.sh pass what they should, and nothing else.
set -u
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
failures=0
checks=0
sha=0123456789abcdef0123456789abcdef01234567
mkdir -p "$tmp/tools" "$tmp/baselines/lanes"
cp "$1/tools/perf-gate.sh" "$1/tools/run-lane.sh" "$1/tools/verdict.sh" "$tmp/tools"
touch "$tmp/baselines/lanes/a.json" "$tmp/baselines/lanes/b.json"
cd "$tmp" || exit 1

# verdict LANE [SED]: a verdict as ridgeline writes it, edited.
verdict() {
    mkdir -p "v-$1"
    sed -e "s/LANE/$1/; ${2:-}" >"v-$1/verdict.json" <<'JSON'
{
	"schema":	1,
	"tool":	"ridgeline 0.1.0",
	"lane":	"LANE",
	"mode":	"full",
	"rows":	"",
	"exit_code":	0,
	"outcome":	"pass",
	"commit":	"0123456789ab",
	"dirty":	false,
	"injected":	false,
	"baseline":	{
		"state":	"used",
		"path":	"x",
		"reason":	""
	},
	"summary":	{
		"expected":	2,
		"compared":	2,
		"pass":	2
	},
	"problems":	["\n\t\"exit_code\":\t0,"],
	"findings":	[{
			"baseline":	3
		}]
}
JSON
}

# expect CODE WHAT [RESULTS [SHA]]
expect() {
    checks=$((checks + 1))
    code=$1 what=$2
    tools/perf-gate.sh v- "${4:-$sha}" "${3-success}" >out 2>&1
    is $?
}

# is STATUS: the last command's, $what, as it should be.
is() {
    got=$1
    [ "$got" = "$code" ] && return
    failures=$((failures + 1))
    echo "FAILED: $what: exit status $got, expected $code"
    sed 's/^/    | /' out
}

verdict a
verdict b
expect 0 "all well"
expect 0 "two jobs" "success success"
for result in failure cancelled skipped "success skipped" ""; do expect 1 "a job that ended with '$result'" "$result"; done
expect 1 "another commit" success 1123456789abcdef0123456789abcdef01234567
expect 64 "no commit" success main
verdict a 's/"commit":	"[^"]*"/"commit":	"0123"/'
expect 1 "too short a commit"
verdict a 's/"commit":	"[^"]*"/"commit":	""/'
expect 1 "no commit in the verdict"
verdict a 's/"dirty":	false/"dirty":	true/'
expect 1 "a tree with changes"
verdict a 's/"exit_code":	0/"exit_code":	1/'
expect 1 "a regression"
verdict a 's/"exit_code":	0/"exit_code":	2/'
expect 1 "a broken measurement"
verdict a 's/"compared":	2/"compared":	0/'
expect 1 "nothing compared"
verdict a 's/"state":	"used"/"state":	"not needed"/; s/"compared":	2/"compared":	0/'
expect 0 "a lane without relative gates"
verdict a 's/"state":	"used"/"state":	"not needed"/; s/"pass":	2/"pass":	0/'
expect 1 "a lane without relative gates of which nothing passed"
verdict a 's/"state":	"used"/"state":	"missing"/; s/"compared":	2/"compared":	0/'
expect 1 "exit code 0 without a baseline"
verdict a 's/"state":	"used"/"state":	"missing"/; s/"exit_code":	0/"exit_code":	3/'
expect 0 "no baseline"
RL_REQUIRE_BASELINE=true
export RL_REQUIRE_BASELINE
expect 1 "no baseline where one is required"
unset RL_REQUIRE_BASELINE
verdict a 's/"state":	"used"/"state":	"missing"/; s/"exit_code":	0/"exit_code":	3/; s/"pass":	2/"pass":	0/'
expect 1 "no baseline, and nothing passed"
for state in unreadable stale 'not comparable'; do
    verdict a 's/"state":	"used"/"state":	"'"$state"'"/; s/"exit_code":	0/"exit_code":	3/'
    expect 1 "a baseline that is $state"
done
verdict a 's/"injected":	false/"injected":	true/'
expect 1 "rows made slower on purpose"
verdict a '/injected/d'
expect 1 "a verdict that does not say whether rows were made slower"
verdict a 's/"full"/"quick"/'
expect 1 "a quick run"
verdict a 's/"rows":	""/"rows":	"^x"/'
expect 1 "some rows"
verdict a 's/"schema":	1/"schema":	2/'
expect 1 "another schema"
verdict b 's/"lane":	"b"/"lane":	"a"/'
verdict a
expect 1 "another lane's verdict"
verdict b
: >v-b/verdict.json
expect 1 "an empty verdict"
rm v-b/verdict.json
expect 1 "a lost verdict"
rm baselines/lanes/*
expect 1 "no lanes"

# ---- run-lane.sh, with a ridgeline that ends with a status and leaves a verdict of a state ----
cat >ridgeline <<'RIDGELINE'
#!/bin/sh
[ "$*" = "run a --reports r --quick" ] || exit 9
. ./does
[ -z "$state" ] || printf '{\n\t"baseline":\t{\n\t\t"state":\t"%s",\n\t\t"path":\t"x"\n\t}\n}\n' "$state" >r/a/verdict.json
exit "$status"
RIDGELINE
chmod +x ridgeline
mkdir -p r/a
lane() { # CODE STATUS STATE
    checks=$((checks + 1))
    code=$1 what="status $2 with a baseline '$3'"
    echo "status=$2 state='$3'" >does
    tools/run-lane.sh 77 r ./ridgeline a --quick >out 2>&1
    is $?
}
lane 0 0 used
lane 1 1 used
lane 1 1 missing
lane 2 2 missing
lane 3 3 unreadable
lane 3 3 stale
lane 3 3 'not comparable'
lane 77 3 missing
lane 3 3 "" # the verdict of the run before is of a missing one
RL_REQUIRE_BASELINE=true
export RL_REQUIRE_BASELINE
lane 3 3 missing
unset RL_REQUIRE_BASELINE
checks=$((checks + 1)) code=64 what="a code that is no number"
tools/run-lane.sh x r ./ridgeline a >out 2>&1
is $?
echo "$checks checks, $failures failed"
[ $failures = 0 ]
