#!/bin/sh
# test_install.sh COMPILER CMAKE BUILD - what is installed can be used by itself: every header compiles alone, with no
# tier's flags and nothing but the other installed ones beside it, and no header is of one tier.
set -u
compiler=$1 cmake=$2 build=$3
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
failures=0

fail() {
    echo "FAILED: $1"
    failures=$((failures + 1))
}

"$cmake" --install "$build" --prefix "$dir/to" >log 2>&1 || { cat log; exit 1; }
include=$dir/to/include/ridgeline
for header in registry.h gemv/gemv.h gemm/gemm.h gemm/lora.h attention/attn_decode.h attention/attn_prefill.h \
    ops/ops.h quant/dequant.h quant/quantize.h tokenizer/tokenizer.h base/panels.h perf/bench.h perf/stats.h; do
    [ -f "$include/$header" ] || fail "$header is not installed"
done
find "$include" -name '*.h' | sed "s|^$include/||" >headers
grep -E 'avx|neon|attn_rows|_tile|_term|_tables|_walk' headers && fail "these are nobody else's"
while read -r header; do
    echo "#include \"$header\"" >alone.c
    "$compiler" -std=gnu17 -fsyntax-only -I"$include" alone.c 2>log || { cat log; fail "$header does not compile alone"; }
done <headers

# What a header speaks of is there.
while read -r header; do
    grep -oE '\(?(base|perf|gemv|gemm|attention|ops|quant|tokenizer|probe)/[a-z0-9_]+\.h\)?' "$include/$header"
done <headers | tr -d '()' | sort -u | while read -r named; do
    [ -f "$include/$named" ] || echo "$named"
done >missing
[ ! -s missing ] || fail "headers speak of what is not installed: $(tr '\n' ' ' <missing)"

[ $failures = 0 ] && echo "passed" || exit 1
