#!/bin/sh
# test_cli_bench.sh RIDGELINE BENCH_GEMV BENCH... - the axes of the bench programs: which rows a flag or RL_ISA leaves,
# what is refused, and how the programs end. Nothing here looks at a time. bench_gemv tells which tiers there are here.
set -u
ridgeline=$1 gemv=$2
shift 2
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
failures=0
unset RL_ISA

fail() {
    echo "FAILED: $1"
    sed 's/^/    /' out err
    failures=$((failures + 1))
}

# ends STATUS PATTERN COMMAND... : it ends so, and says that on standard error ("" for whatever it says)
ends() {
    want=$1 pattern=$2
    shift 2
    "$@" >out 2>err </dev/null
    got=$?
    [ $got = "$want" ] || fail "status $got, expected $want: $*"
    [ -z "$pattern" ] || grep -q -e "$pattern" err || fail "no '$pattern' on standard error: $*"
}

# The tiers of the rows in out, a CSV: "avx2 scalar"; how many rows of a tier above scalar lack their ref_ratio.
tiers() { sed 1d out | cut -d, -f1 | cut -d/ -f3 | sort -u | tr '\n' ' ' | sed 's/ $//'; }
bare_ratios() {
    sed 's/, /; /g; s/"//g' out | awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) column[$i] = i; next }
             $column["isa"] != "scalar" && $column["ref_ratio"] == "" { n++ } END { print n + 0 }'
}

# rows TIERS COMMAND... : a dry run, all measured, with the rows of these tiers and of no other
rows() {
    left=$1
    shift
    ends 0 '' "$@" --benchmark_dry_run --benchmark_format=csv
    [ $got = 0 ] || return
    [ "$(tiers)" = "$left" ] || fail "rows of '$(tiers)', expected '$left': $*"
}

"$ridgeline" model synth --preset tiny --format q4_0 --seed 1 --out m.gguf >/dev/null 2>err || { cat err; exit 1; }
head -c 100000 m.gguf >cut.gguf

# What this machine has above scalar: naming a tier it lacks is refused.
has() { ! "$gemv" --isa="$1" --benchmark_list_tests 2>&1 | grep -q 'cannot run here'; }
best=scalar
all=scalar
for tier in avx2 avx512 neon; do
    if has $tier; then
        best=$tier
        all=$(printf '%s\n' $all $tier | sort | tr '\n' ' ' | sed 's/ $//')
    else
        echo "skipped: $tier, which this machine lacks"
        ends 64 "ISA '$tier' cannot run here" "$gemv" --isa=$tier
    fi
done
tier=$(echo "$all" | sed 's/ *scalar//; s/ .*//') # the lowest above scalar, or nothing

for bench; do
    case $bench in
    */bench_gemv) few='^gemv/(q4_0|f16)/.*/256x2048/hot/threads:1$' has_axes='isa cache threads' ;;
    */bench_gemm) few='^gemm/(q4_0|f16)/.*/256x2048/n:8/threads:1$' has_axes='isa threads' ;;
    */bench_attn_prefill) few='/ctx:128/threads:1$' has_axes='isa threads' ;;
    */bench_attn_decode) few='/ctx:128/hot/threads:1$' has_axes='isa cache threads' ;;
    */bench_dequant) few='/(q4_0|q6_K)/.*/hot$' has_axes='isa cache' ;;
    */bench_ops) few='/(rmsnorm|argmax)/' has_axes='isa' ;;
    */bench_tokenizer) few='/english/64/cold$' has_axes='isa threads' ;;
    */bench_e2e) few='' has_axes='isa threads' ;;
    esac
    set -- "$bench" --benchmark_filter="$few"
    best_here=$best all_here=$all
    case $bench in
    */bench_tokenizer) best_here=scalar all_here=scalar ;; # it has no kernel of another tier
    */bench_e2e) set -- "$bench" --model=m.gguf --pp=4 --tg=2 --depth=3 ;;
    esac

    rows scalar "$@" --isa=scalar
    rows "$best_here" "$@" --isa=best
    [ "$(bare_ratios)" = 0 ] || case $bench in */bench_e2e) ;; *) fail "no ref_ratio: $bench --isa=best" ;; esac
    rows "$all_here" "$@" --isa=all
    rows scalar env RL_ISA=scalar "$@"
    case $bench in
    */bench_e2e) rows "$best" "$@" ;; # its default, for the scalar kernels are slow
    *) rows "$all_here" "$@" ;;
    esac
    if [ -n "$tier" ]; then
        both=$(printf '%s\n' scalar "$tier" | sort | tr '\n' ' ' | sed 's/ $//')
        case $bench in
        */bench_tokenizer)
            ends 64 'leave no benchmark' "$@" --isa="$tier"
            rows scalar env RL_ISA="$tier" "$@"
            ;;
        */bench_e2e)
            rows "$tier" "$@" --isa="$tier"
            rows "$both" "$@" --isa="scalar,$tier"
            rows "$tier" env RL_ISA="$tier" "$@"
            ;;
        *)
            rows "$tier" "$@" --isa="$tier"
            [ "$(bare_ratios)" = 0 ] || fail "no ref_ratio: $bench --isa=$tier"
            ends 0 '' "$@" --isa="$tier" --benchmark_list_tests
            grep -q /scalar/ out && fail "a reference that was not asked for is listed: $bench"
            rows "$both" env RL_ISA="$tier" "$@"
            ;;
        esac
        ends 64 'RL_ISA allows no more than scalar' env RL_ISA=scalar "$@" --isa="$tier"
    fi

    # An axis a program lacks is a flag it does not know.
    "$bench" --help >help 2>err
    for axis in isa cache threads; do
        case " $has_axes " in
        *" $axis "*)
            grep -q -e "--$axis=" help || fail "--help does not tell of --$axis: $bench"
            ends 64 "$axis=''" "$@" --$axis=
            ends 64 "$axis=''" "$@" --$axis=,
            ends 64 "$axis='nonsense'" "$@" --$axis=nonsense
            ;;
        *)
            grep -q -e "--$axis=" help && fail "--help tells of --$axis: $bench"
            ends 64 "unrecognized command-line flag: --$axis" "$@" --$axis=all
            ;;
        esac
    done
    ends 64 'RL_ISA: unknown' env RL_ISA=sse9 "$@"

    # A file that cannot be used is a failure, not bad usage.
    if grep -q -e '--model=' help; then
        ends 1 'nothere.gguf' "$bench" --model=nothere.gguf
        ends 1 'cut.gguf' "$bench" --model=cut.gguf
    fi
    case $bench in */bench_attn_prefill)
        for most in 0 32769 x; do ends 64 "ctx-max='$most': expected" "$@" --ctx-max=$most; done
        ends 0 '' "$bench" --benchmark_list_tests
        grep -q 'ctx:16384' out && fail "long prompts without --ctx-max: $(cat out)"
        ends 0 '' "$bench" --benchmark_list_tests --ctx-max=32768
        grep -q 'ctx:32768' out || fail "no long prompts with --ctx-max=32768: $(cat out)"
        ;;
    esac
    case $bench in */bench_attn_*)
        for tile in 0 65537 -1 5x x; do ends 64 "tile-tokens='$tile': expected" "$@" --tile-tokens=$tile; done
        ends 0 '' "$@" --tile-tokens=5 --isa=best --benchmark_dry_run --benchmark_format=csv
        awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) column[$i] = i; next } { print $column["tile_tokens"] }' out |
            grep -vqx 5 && fail "--tile-tokens=5 is not taken"
        ;;
    esac
    case $bench in */bench_gemm)
        ends 0 '' "$bench" --benchmark_list_tests --isa=best --threads=1
        for what in n:2 n:3 n:4 n:5 n:6 n:7 n:8 adapters:1 adapters:2 adapters:3 adapters:4; do
            grep -q "/$what/" out || fail "no case with $what"
        done
        ends 0 '' "$bench" --benchmark_filter='^gemm/(bf16|f16)/.*/256x2048/n:128/threads:1$' --isa=best --threads=1 \
            --benchmark_min_time=1x --benchmark_format=json
        peaks='fma_f32 dot_bf16'
        grep -q gemm_bf16_amxbf16 out && peaks='fma_f32 tile_bf16' # rows that the tile unit multiplies
        for peak in $peaks; do grep -q "\"$peak\"" out || fail "rows of floats without a reading of $peak"; done
        for threads in 3 70; do # threads that have no share, too: 64 pairs of panels
            ends 0 '' "$bench" --benchmark_filter='^gemm-lora/q4_0/.*/2048x2048/rank:8/adapters:1/n:1/' --isa=best \
                --threads=$threads --benchmark_dry_run
        done
        ;;
    esac
    case $bench in */bench_e2e) # a measurement of another thing has another name
        ends 0 '' "$@" --no-pack --benchmark_list_tests
        grep -qE '^e2e/m/[a-z0-9]*/rows/(pp4|tg2|tg2@3|ttft4)/threads:[0-9]*' out || fail "--no-pack: $(cat out)"
        grep -v /rows/ out | grep -q e2e/m/ && fail "--no-pack keeps a name of packed weights: $(cat out)"
        ;;
    esac
    case $bench in */bench_gemv)
        ends 64 "threads='0*\.\.\.'" "$bench" --threads=000000000000000000000000000000015
        ;;
    esac
done

[ $failures = 0 ] && echo "passed" || exit 1
