#!/bin/sh
# test_cli_tinyllama.sh TINYLLAMA RIDGELINE - the command line of the decoder: what it writes, where, and how it ends.
set -u
tinyllama=$1 ridgeline=$2
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
failures=0

fail() {
    echo "FAILED: $1"
    sed 's/^/    /' out err
    failures=$((failures + 1))
}

# ends STATUS PATTERN ARGUMENT... : the command ends so, and says that on standard error
ends() {
    want=$1 pattern=$2
    shift 2
    "$tinyllama" "$@" >out 2>err </dev/null
    got=$?
    [ $got = "$want" ] || fail "status $got, expected $want: tinyllama $*"
    grep -q -e "$pattern" err || fail "no '$pattern' on standard error: tinyllama $*"
}

"$ridgeline" model synth --preset tiny --format q4_0 --seed 1 --out m.gguf >/dev/null 2>err || { cat err; exit 1; }

ends 0 'decode .* tokens/s; time per token p50 .* p95' --model m.gguf --prompt 'One two' -n 12 -t 2
grep -q '^One two' out || fail "the prompt is not on standard output"
for line in load prompt TTFT decode memory; do grep -q "^$line " err || fail "no line '$line'"; done
mv out first

"$tinyllama" -m m.gguf -p 'One two' -n 12 -t 3 --no-pin --batch 1 >out 2>err
cmp -s out first || fail "other text with other threads and batches"
"$tinyllama" -m m.gguf -p 'One two' -n 12 --no-pack >out 2>err
cmp -s out first || fail "other text with --no-pack"
grep -q packing err && fail "--no-pack packed"
"$tinyllama" -m m.gguf -p 'One two' -n 12 >out 2>err
grep -qE '^model .*_panels_' err && ! grep -qE 'packing [0-9.]* ms: [0-9]* MiB, [0-9]* % on huge pages' err &&
    fail "does not say what packing took"
grep -qE '^TTFT  *[0-9.]* ms, with loading [0-9.]* ms' err || fail "no time to first token with loading"
printf 'One two' >prompt
"$tinyllama" -m m.gguf -f prompt -n 12 >out 2>err
cmp -s out first || fail "other text for the same prompt from a file"
"$tinyllama" -m m.gguf -f - -n 12 <prompt >out 2>err
cmp -s out first || fail "other text for the same prompt from standard input"
RL_ISA=scalar "$tinyllama" -m m.gguf -p 'One two' -n 2 >out 2>err
grep -q '_scalar' err || fail "RL_ISA=scalar did not run the scalar kernels"

"$tinyllama" -m m.gguf -p x -n 12 --temp 1 --seed 5 >a 2>err
"$tinyllama" -m m.gguf -p x -n 12 --temp 1 --seed 5 >out 2>err
cmp -s out a || fail "a seed does not give the same text twice"
"$tinyllama" -m m.gguf -p x -n 12 --temp 1 --seed 6 >out 2>err
cmp -s out a && fail "another seed gives the same text"

"$tinyllama" --help >out 2>err
grep -q "prompt-file" out || fail "no help"
ends 64 'model is needed'
ends 64 'exclude each other' -m m.gguf -p a -f prompt
ends 64 'unexpected argument' -m m.gguf stray
ends 64 'see tinyllama --help' -m m.gguf --nonsense
ends 64 'threads 0' -m m.gguf -t 0
ends 64 'threads 2x' -m m.gguf -t 2x
ends 64 'tokens -1' -m m.gguf -n -1
ends 64 'temp hot' -m m.gguf --temp hot
ends 64 'temperature -1' -m m.gguf --temp -1
ends 64 'top-p 2' -m m.gguf --top-p 2
ends 64 "unknown ISA 'sse9'" -m m.gguf --isa sse9
# A context smaller than what was asked for ends the text, not the program; one that the prompt alone overflows is
# refused before a word is written.
ends 0 'the context is full (--ctx 16): stopped after [0-9]* of 50 tokens' -m m.gguf -p 'One two' -n 50 --ctx 16 --ignore-eos
[ "$(grep -c 'context is full' err)" = 1 ] || fail "said more than once that the context is full"
grep -q '^decode ' err || fail "no figures after a full context"
"$tinyllama" -m m.gguf -p 'One two' -n 50 --ignore-eos >whole 2>err
[ "$(head -c "$(($(wc -c <out) - 1))" whole)" = "$(cat out)" ] || fail "a full context changed the text before it"
n_prompt=$(sed -n 's/^prompt  *\([0-9]*\) tokens.*/\1/p' err)
ends 0 'stopped after 1 of 2 tokens' -m m.gguf -p 'One two' -n 2 --ctx "$n_prompt" --ignore-eos
"$tinyllama" -m m.gguf -p 'One two' -n 1 --ctx "$n_prompt" --ignore-eos >out 2>err || fail "a context that just suffices"
grep -q 'context is full' err && fail "a context that suffices is called full"
ends 64 'the context holds 4' -m m.gguf -p 'a longer prompt than four tokens' --ctx 4
[ -s out ] && fail "text before the prompt was refused"
ends 1 'nothere.gguf' -m nothere.gguf
ends 1 'nothere.txt' -m m.gguf -f nothere.txt
head -c 100000 m.gguf >cut.gguf
ends 1 'cut.gguf' -m cut.gguf

[ $failures = 0 ] && echo "passed" || exit 1
