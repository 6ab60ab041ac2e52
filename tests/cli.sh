# shellcheck shell=sh
# cli.sh - sourced by the tests of the command: a temporary directory $tmp, counted checks, and what the last command
# said in $tmp/out. Ends nothing: the script does, with "[ $failures = 0 ]".
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
failures=0
checks=0

fail() {
    failures=$((failures + 1))
    echo "FAILED: $*"
    sed 's/^/    | /' "$tmp/out"
}

# expect CODE WHAT COMMAND...: runs it, its output in $tmp/out.
expect() {
    code=$1 what=$2
    shift 2
    checks=$((checks + 1))
    "$@" >"$tmp/out" 2>&1
    got=$?
    [ $got = "$code" ] || fail "$what: exit status $got, expected $code"
}

# says TEXT [FILE]: the last output, or the file, has it.
says() {
    checks=$((checks + 1))
    grep -qF -- "$1" "${2:-$tmp/out}" || fail "'$1' expected in ${2:-the output of the last command}"
}

says_not() {
    checks=$((checks + 1))
    ! grep -qF -- "$1" "${2:-$tmp/out}" || fail "'$1' not expected in ${2:-the output of the last command}"
}

is() { # WHAT FOUND EXPECTED
    checks=$((checks + 1))
    [ "$2" = "$3" ] || fail "$1 is '$2', expected '$3'"
}
