#!/bin/sh
# versus.sh - our decoder beside llama.cpp and ik_llama.cpp, by turns, in one session of one machine.
set -u
export LC_ALL=C # for decimal points

usage() {
    cat <<'HELP'
usage: tools/versus.sh [--llama PATH] [--ik PATH] [--peer 'NAME=PATH ARGUMENT...']... [OPTION...] MODEL.gguf...

Measures tokens a second: prompts into an empty context (pp<N>), tokens made one by one (tg<N>, and tg<N>@<D> after a
context of D). Peers are llama-bench programs that are there; this builds none:

  --llama PATH    llama.cpp's
  --ik PATH       ik_llama.cpp's, which runs as it is by default and with weights repacked at load (-rtr 1)
  --peer N=PATH   any other, with its arguments

  --bin DIR       where our programs were built (default: build/release)
  --rounds N      (default: 7)
  --threads LIST  (default: 1,2)
  --pp LIST       (default: 64,128,512,2048)
  --tg N          (default: 32)
  --depth LIST    contexts beside 0 (default: 2048)
  --cpus LIST     bind to the first of these, as many as threads (default: those that this process may use)
  --out DIR       (default: reports/versus)

A round runs every test with every engine, each in a process of its own that warms up first: llama-bench as it does by
itself, ours for half a second and the whole test at least once. Every round starts with another engine, so that what
the machine does in the meantime falls to all alike. The read bandwidth, and the peak of the byte
multiply-add, are measured right before and after each of our own readings, in the same process.

Writes DIR/versus.csv, a row a reading, and DIR/versus.md, which it also prints: for each test the median and
(smallest..largest) of the rounds; the ratio of ours to the best peer, the one with the highest median, round by round;
how much of its bound ours reached (tg: read bandwidth, pp: peak), and that bandwidth.

exit status: 0; 1 where some reading failed (it is empty, and said); 64 bad usage
HELP
}

bad() {
    echo "versus.sh: $1" >&2
    exit 64
}

numbers() { printf '%s\n' "$2" | grep -qxE '[1-9][0-9]{0,5}(,[1-9][0-9]{0,5})*' || bad "$1 $2: expected numbers"; }

# cpu_list LIST: "0,2-4" as "0,2,3,4"; status 1 where it is no such list, or counts down
cpu_list() {
    printf '%s\n' "$1" | grep -qxE '[0-9]{1,4}(-[0-9]{1,4})?(,[0-9]{1,4}(-[0-9]{1,4})?)*' || return 1
    printf '%s\n' "$1" | tr ',' '\n' | awk -F- '
        { last = NF == 2 ? $2 : $1 }
        last + 0 < $1 + 0 { exit backwards = 1 }
        { for (c = $1 + 0; c <= last + 0; c++) list = list "," c }
        END { if (backwards) exit 1; print substr(list, 2) }'
}

bin=build/release rounds=7 threads=1,2 pp=64,128,512,2048 tg=32 depth=2048 out=reports/versus cpus=
peers='' # a line each: NAME|COMMAND
add_peer() {
    command=${2%% *}
    [ -x "$command" ] || bad "$1: no program '$command'"
    case $1 in *[!A-Za-z0-9._\ -]* | '' | ridgeline) bad "'$1' cannot be a peer's name" ;; esac
    case "
$peers" in *"
$1|"*) bad "two peers are called '$1'" ;; esac
    peers="$peers$1|$2
"
}
while [ $# -gt 0 ]; do
    case $1 in
    -h | --help) usage; exit 0 ;;
    --*) [ $# -gt 1 ] || bad "$1: a value is missing" ;;
    *) break ;;
    esac
    case $1 in
    --llama) add_peer llama.cpp "$2" ;;
    --ik) add_peer ik "$2" && add_peer 'ik -rtr' "$2 -rtr 1" ;;
    --peer) case $2 in *=*) add_peer "${2%%=*}" "${2#*=}" ;; *) bad "--peer $2: expected NAME=PATH" ;; esac ;;
    --bin) bin=$2 ;;
    --rounds) numbers "$1" "$2"; rounds=$2 ;;
    --threads) numbers "$1" "$2"; threads=$2 ;;
    --pp) [ -z "$2" ] || numbers "$1" "$2"; pp=$2 ;;
    --tg) numbers "$1" "$2"; tg=$2 ;;
    --depth) [ -z "$2" ] || numbers "$1" "$2"; depth=$2 ;;
    --cpus) cpus=$(cpu_list "$2") || bad "--cpus $2: expected CPUs as 0,2-5" ;;
    --out) out=$2 ;;
    *) bad "unknown option $1: see --help" ;;
    esac
    shift 2
done
[ $# -gt 0 ] || bad "no model: see --help"
for model; do [ -r "$model" ] || bad "cannot read the model '$model'"; done
ours=$bin/e2e/bench_e2e
[ -x "$ours" ] || bad "no program '$ours' (--bin)"
case $rounds$tg in *,*) bad "--rounds and --tg take one number" ;; esac
mkdir -p "$out" || exit 1
csv=$out/versus.csv report=$out/versus.md tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
engines="ridgeline|$ours
$peers"
n_engines=$(printf '%s' "$engines" | grep -c .)

# pinned THREADS COMMAND...: on the first so many of the CPUs; anywhere where there are fewer
[ -n "$cpus" ] || cpus=$(cpu_list "$(taskset -cp $$ 2>/dev/null | sed 's/.*: //')")
pinned() {
    first=$(printf '%s' "$cpus" | cut -d, -f1-"$1")
    if [ -n "$cpus" ] && [ "$(printf '%s\n' "$first" | tr ',' '\n' | wc -l)" = "$1" ]; then
        shift
        taskset -c "$first" "$@"
    else
        shift
        "$@"
    fi
}

# our_reading MODEL THREADS TEST: tokens/s, read GB/s (tg), per cent of the bound
our_reading() {
    case $3 in
    pp*) set -- "$1" "$2" "$3" --pp="${3#pp}" ;;
    *@*) set -- "$1" "$2" "$3" --tg="$tg" --depth="${3#*@}" ;;
    *) set -- "$1" "$2" "$3" --tg="$tg" ;;
    esac
    pinned "$2" "$ours" --model="$1" --threads="$2" --benchmark_filter="/$3/threads:" --benchmark_min_time=1x \
        --benchmark_min_warmup_time=0.5 --benchmark_out="$tmp/out.csv" --benchmark_out_format=csv "$4" ${5+"$5"} >"$tmp/log" 2>&1 || return 1
    awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
        NR == 2 {
            tokens = $at["items_per_second"]; bytes = $at["bytes_per_second"]; pct = $at["bw_pct"]
            if (pct > 0) print tokens "," bytes / pct / 1e7 "," pct
            else print tokens ",," $at["peak_pct"]
        }
        END { exit NR != 2 || tokens <= 0 }' "$tmp/out.csv"
}

# peer_reading COMMAND MODEL THREADS TEST: tokens/s; status 2 where the peer has no such test
peer_reading() {
    case $4 in
    pp*) what="-p ${4#pp} -n 0" ;;
    *@*)
        ${1%% *} --help >"$tmp/help" 2>&1
        if grep -q -e '^ *-gp' "$tmp/help"; then
            what="-p 0 -n 0 -gp ${4#*@},$tg"
        elif grep -q -e '--n-depth' "$tmp/help"; then
            what="-p 0 -n $tg -d ${4#*@}"
        else
            return 2
        fi
        ;;
    *) what="-p 0 -n $tg" ;;
    esac
    # shellcheck disable=SC2086 # lists of words
    pinned "$3" $1 -m "$2" -t "$3" -r 1 -o csv $what >"$tmp/out.csv" 2>"$tmp/log" || return 1
    # Counted from the end, for text further left may have commas in it.
    awk -F, '{ gsub(/"/, "") }
        NR == 1 { for (i = 1; i <= NF; i++) if ($i == "avg_ts") back = NF - i; next }
        { tokens = $(NF - back) }
        END { if (NR != 2 || back == "" || tokens <= 0) exit 1; print tokens ",," }' "$tmp/out.csv"
}

failures=0
reading() { # MODEL THREADS TEST ROUND NAME COMMAND
    if [ "$5" = ridgeline ]; then
        value=$(our_reading "$1" "$2" "$3")
    else
        value=$(peer_reading "$6" "$1" "$2" "$3")
    fi
    status=$?
    if [ $status = 1 ]; then
        failures=$((failures + 1)) value=
        echo "versus.sh: $5 failed: $3, $2 threads, $1:" >&2
        tail -n 3 "$tmp/log" >&2
    fi
    [ $status = 2 ] || echo "$(basename "$1" .gguf | tr ',' '_'),$2,$3,$4,$5,${value:-,,}" >>"$csv"
}

tests=$(printf '%s' "$pp" | tr ',' '\n' | sed 's/^/pp/')
tests="$tests tg$tg $(printf '%s' "$depth" | tr ',' '\n' | sed "s/^/tg$tg@/")"
echo 'model,threads,test,round,engine,tokens_per_s,read_gb_per_s,bound_pct' >"$csv"
round=0
while [ $round -lt "$rounds" ]; do
    round=$((round + 1))
    echo "round $round of $rounds" >&2
    for model; do
        for test in $tests; do
            for n in $(printf '%s' "$threads" | tr ',' ' '); do
                turn=0
                while [ $turn -lt "$n_engines" ]; do
                    line=$(printf '%s' "$engines" | sed -n "$(((round - 1 + turn) % n_engines + 1))p")
                    reading "$model" "$n" "$test" $round "${line%%|*}" "${line#*|}" </dev/null
                    turn=$((turn + 1))
                done
            done
        done
    done
done

printf '%s' "$engines" | sed 's/|.*//' >"$tmp/engines"
awk -F, -v OFS=' | ' '
    # Sorts list[1..n] and puts "median (smallest..largest)" together; its median stays in `middle`.
    function spread(list, n, format,    i, j, x) {
        for (i = 2; i <= n; i++) {
            x = list[i]
            for (j = i - 1; j > 0 && list[j] > x; j--) list[j + 1] = list[j]
            list[j + 1] = x
        }
        middle = n % 2 ? list[(n + 1) / 2] : n ? (list[n / 2] + list[n / 2 + 1]) / 2 : 0
        return n ? sprintf(format " (" format ".." format ")", middle, list[1], list[n]) : "-"
    }
    # The rounds of an engine, or of a column of ours, into list.
    function collect(table, row, engine,    r, n) {
        n = 0
        for (r = 1; r <= rounds; r++) if ((row, engine, r) in table) list[++n] = table[row, engine, r]
        return n
    }
    NR == FNR { engine[++engines] = $0; next }
    FNR == 1 { next }
    {
        row = $1 FS $2 FS $3
        if (!(row in seen)) { seen[row] = 1; order[++n_rows] = row }
        if ($4 > rounds) rounds = $4
        if ($6 != "") tokens[row, $5, $4] = $6 + 0
        if ($7 != "") read[row, $5, $4] = $7 + 0
        if ($8 != "") bound[row, $5, $4] = $8 + 0
    }
    END {
        head = "| model | threads | test"; rule = "|---|--:|---"
        for (e = 1; e <= engines; e++) { head = head " | " engine[e]; rule = rule "|--:" }
        print head " | to the best peer | of the bound, % | read, GB/s |"
        print rule "|--:|--:|--:|"
        for (i = 1; i <= n_rows; i++) {
            row = order[i]; split(row, key, FS)
            line = "| " key[1] OFS key[2] OFS key[3]
            best = ""; highest = 0
            for (e = 1; e <= engines; e++) {
                line = line OFS spread(list, collect(tokens, row, engine[e]), "%.1f")
                if (e > 1 && middle > highest) { highest = middle; best = engine[e] }
            }
            n = 0
            for (r = 1; r <= rounds; r++)
                if ((row, engine[1], r) in tokens && (row, best, r) in tokens)
                    list[++n] = tokens[row, engine[1], r] / tokens[row, best, r]
            line = line OFS spread(list, n, "%.2f")
            line = line OFS spread(list, collect(bound, row, engine[1]), "%.0f")
            print line OFS spread(list, collect(read, row, engine[1]), "%.1f") " |"
        }
    }' "$tmp/engines" "$csv" >"$report"
cat "$report"
[ $failures = 0 ] || exit 1
