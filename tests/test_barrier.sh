#!/bin/sh
# test_barrier.sh <cc> <include flags>... - loops survive at -O3 with a barrier, and vanish without it.
#
# A function loops if it branches back to a label that stands above the branch, and the loop holds the work if the
# instruction looked for (a multiplication, an exclusive or) stands between the two.
set -eu

cc=$1
shift
here=$(dirname "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0

# loops <assembly> <function>: true if the function has a loop with the work in it.
loops() {
    awk -v f="$2" '
        $0 ~ "^_?" f ":" { inside = 1; next }
        inside && /\.cfi_endproc/ { exit }
        inside && /^[.A-Za-z_0-9]+:/ { label = $1; sub(/:.*/, "", label); line[label] = NR }
        inside && $1 ~ /mul|xor|eor/ { work = NR }
        inside && $1 ~ /^(j[a-z]+|b|b\.[a-z]+|cbnz|cbz|tbz|tbnz)$/ && ($NF in line) && work > line[$NF] { found = 1 }
        END { exit !found }' "$1"
}

expect() { # <assembly> <function> <yes|no> <what>
    if loops "$1" "$2"; then got=yes; else got=no; fi
    if [ "$got" = "$3" ]; then
        echo "ok: $2 $4: loop $got"
    else
        echo "FAILED: $2 $4: expected loop $3, got $got"
        status=1
    fi
}

"$cc" -std=c17 -O3 -S -DRL_BARRIER "$@" -o "$work/with.s" "$here/barrier_cases.c"
"$cc" -std=c17 -O3 -S "$@" -o "$work/without.s" "$here/barrier_cases.c"
for f in value_int value_float value_double value_struct pointer clobber; do
    expect "$work/with.s" $f yes "with its barrier"
    expect "$work/without.s" $f no "without"
done

exit $status
