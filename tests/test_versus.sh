#!/bin/sh
# test_versus.sh SOURCE - versus.sh with programs that only say numbers: what it runs and in which order, how it reads
# them, and its table.
set -u
versus=$1/tools/versus.sh
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
failures=0

fail() {
    echo "FAILED: $1"
    sed 's/^/    /' out err
    failures=$((failures + 1))
}

# ends STATUS PATTERN ARGUMENT... : versus.sh ends so, and says that on standard error
ends() {
    want=$1 pattern=$2
    shift 2
    "$versus" "$@" >out 2>err
    got=$?
    [ $got = "$want" ] || fail "status $got, expected $want: versus.sh $*"
    grep -q -e "$pattern" err || fail "no '$pattern' on standard error: versus.sh $*"
}

# Ours makes 100, 110, 120... tokens a second, more with every launch; a bench reads the memory at 50 GB/s.
mkdir -p bin/e2e
cat >bin/e2e/bench_e2e <<'BENCH'
#!/bin/sh
here=$(dirname "$0")
case "$*" in *" --benchmark_min_warmup_time=0.5 "*) ;; *) echo "cold" >&2; exit 1 ;; esac
bytes= out=
for argument; do
    case $argument in
    --benchmark_filter=*) filter=${argument#*=} ;;
    --benchmark_out=*) out=${argument#*=} ;;
    --tg=*) bytes=40000000000 pct=80 peak= ;;
    --pp=*) pct= peak=60 ;;
    esac
done
echo "ours $filter" >>"$here/log"
echo "name,real_time,bytes_per_second,items_per_second,bw_pct,peak_pct" >"$out"
n=$(grep -c '^ours' "$here/log")
echo "\"x$filter\",1,$bytes,$((90 + 10 * n)),$pct,$peak" >>"$out"
BENCH
# A peer of SPEED tokens a second that takes HELP for what it can do.
peer() {
    cat >"$1" <<PEER
#!/bin/sh
case \$* in
--help) echo "$3"; exit ;;
*broken*) echo "it broke" >&2; exit 1 ;;
esac
speed=$2
case \$* in *"-rtr 1"*) speed=\$((speed * 2)) ;; esac
echo "$1 \$*" >>bin/e2e/log
echo 'cpu_info,model,avg_ns,avg_ts,test'
echo "\"Some CPU, and more\",\"m\",\"1\",\"\$speed.5\",\"t\""
PEER
    chmod +x "$1"
}
chmod +x bin/e2e/bench_e2e
peer old 20 '  -p, --n-prompt <n>'
peer ik 30 '  -gp, <pp,tg>'
: >m.gguf

ends 0 'round 2 of 2' --llama ./old --ik ./ik --bin bin --rounds 2 --threads 1 --pp 64 --tg 8 --depth 32 --out r m.gguf
cmp -s out r/versus.md || fail "the table is not what was written"
[ "$(wc -l <r/versus.csv)" = 23 ] || fail "expected 23 lines in the CSV" # 2 rounds of 3 tests and 4 engines; old has no depth
grep -qx 'm,1,pp64,1,ridgeline,100,,60' r/versus.csv || fail "no reading of ours"
grep -qx 'm,1,tg8@32,2,ridgeline,150,50,80' r/versus.csv || fail "no reading of ours with a context"
grep -qx 'm,1,pp64,2,ik -rtr,60.5,,' r/versus.csv || fail "no reading of a peer"
# 100 and 130 tokens/s beside 60.5: 1.65 and 2.15
line='| m | 1 | pp64 | 115.0 (100.0..130.0) | 20.5 (20.5..20.5) | 30.5 (30.5..30.5) | 60.5 (60.5..60.5) |'
grep -qxF "$line 1.90 (1.65..2.15) | 60 (60..60) | - |" out || fail "another line for pp64"
line='| m | 1 | tg8@32 | 135.0 (120.0..150.0) | - | 30.5 (30.5..30.5) | 60.5 (60.5..60.5) |'
grep -qxF "$line 2.23 (1.98..2.48) | 80 (80..80) | 50.0 (50.0..50.0) |" out || fail "another line for tg8@32"
cat >want <<'LOG'
ours /pp64/threads:
old -m m.gguf -t 1 -r 1 -o csv -p 64 -n 0
ik -m m.gguf -t 1 -r 1 -o csv -p 64 -n 0
ik -rtr 1 -m m.gguf -t 1 -r 1 -o csv -p 64 -n 0
ours /tg8/threads:
old -m m.gguf -t 1 -r 1 -o csv -p 0 -n 8
ik -m m.gguf -t 1 -r 1 -o csv -p 0 -n 8
ik -rtr 1 -m m.gguf -t 1 -r 1 -o csv -p 0 -n 8
ours /tg8@32/threads:
ik -m m.gguf -t 1 -r 1 -o csv -p 0 -n 0 -gp 32,8
ik -rtr 1 -m m.gguf -t 1 -r 1 -o csv -p 0 -n 0 -gp 32,8
old -m m.gguf -t 1 -r 1 -o csv -p 64 -n 0
LOG
sed 's|^\./||' bin/e2e/log | head -n 12 >got
diff want got >out || fail "other runs, or another order: the second round begins with another engine"

# A peer that fails is said and leaves its cells empty; the others' stay.
cp m.gguf broken.gguf
ends 1 'ik failed: tg8, 1 threads, broken.gguf' --ik ./ik --bin bin --rounds 1 --threads 1 --pp '' --tg 8 --depth '' --out r broken.gguf
grep -q 'it broke' err || fail "not said why"
grep -qx 'broken,1,tg8,1,ik,,,' r/versus.csv || fail "no empty reading"
grep -q '^| broken | 1 | tg8 | [0-9.]* ([0-9.]*) | - | - | - | 80' out || fail "another line for a peer that failed"
# Bound to the first so many of the CPUs named, and to none where they are too few.
mkdir -p path
cat >path/taskset <<'TASKSET'
#!/bin/sh
echo "bound $2" >>bin/e2e/log
shift 2
exec "$@"
TASKSET
chmod +x path/taskset
: >bin/e2e/log
PATH="$PWD/path:$PATH" ends 0 '' --cpus 08,2-4 --bin bin --rounds 1 --threads 1,3,5 --pp '' --tg 8 --depth '' --out r m.gguf
[ "$(grep bound bin/e2e/log | tr '\n' ' ')" = 'bound 8 bound 8,2,3 ' ] || fail "bound otherwise: $(cat bin/e2e/log)"
peer new 25 '  -d, --n-depth <n>'
ends 0 '' --peer 'new one=./new --flag' --bin bin --rounds 1 --threads 1 --pp '' --tg 8 --depth 32 --out r m.gguf
grep -q '^new --flag -m m.gguf -t 1 -r 1 -o csv -p 0 -n 8 -d 32$' bin/e2e/log || fail "--n-depth was not used"

ends 64 'no model'
ends 64 "cannot read the model 'none'" --bin bin none
ends 64 "no program" --llama ./none m.gguf
ends 64 'no program' --bin . m.gguf
ends 64 'expected numbers' --rounds many m.gguf
ends 64 'expected numbers' --threads 1,,2 m.gguf
for cpus in abc 3-1 '' '1,' 0-1-2 1,a -1 '1 2'; do
    ends 64 'expected CPUs as' --cpus "$cpus" m.gguf
done
ends 64 "'ridgeline' cannot be a peer's name" --peer ridgeline=./old m.gguf
ends 64 "two peers are called 'old'" --peer old=./old --peer old=./new m.gguf
ends 64 'unknown option' --nonsense 1 m.gguf
ends 64 'a value is missing' --rounds
"$versus" --help | grep -q versus.csv || fail "no help"

[ $failures = 0 ] && echo "passed" || exit 1
