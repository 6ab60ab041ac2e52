#!/bin/sh
# quickstart.sh - from a fresh clone to a verdict: installs what is missing, builds, makes (or takes) a model, runs
# every lane, gates it, and says where the time went.
set -eu
from=$PWD
cd "$(dirname "$0")/.."
. tools/packages.sh

usage() {
    cat <<'HELP'
usage: tools/quickstart.sh [--model FILE] [--quick|--full] [--no-install]

Installs missing packages (Debian, Ubuntu; as root or with sudo), builds, makes a synthetic TinyLlama-1.1B, lets it
decode a few words, runs every lane and gates it. Reports go to reports/. Safe to run again: what is done is kept.

  --model FILE  a GGUF file to use instead of the synthetic one
  --quick       short runs of the lanes, three launches each (default)
  --full        the lanes as they are calibrated: takes longer, sees smaller changes
  --no-install  install nothing: print the command instead

exit status: that of `ridgeline run all`: 0 pass, 1 regression, 2 measurement broken, 3 no baseline for this machine;
             2 as well where it does not come that far; 64 bad usage
HELP
}

model=
mode=--quick
while [ $# -gt 0 ]; do
    case $1 in
    --model)
        [ $# -ge 2 ] || { echo "quickstart.sh: --model needs a file" >&2; exit 64; }
        model=$2
        shift
        ;;
    --model=*) model=${1#--model=} ;;
    --quick | --full) mode=$1 ;;
    --no-install) NO_INSTALL=1 ;;
    -h | --help) usage; exit 0 ;;
    *) echo "quickstart.sh: unknown argument '$1'" >&2; usage >&2; exit 64 ;;
    esac
    shift
done
case $model in
'' | /*) ;;
*) model=$from/$model ;;
esac
if [ -n "$model" ] && [ ! -r "$model" ]; then
    echo "quickstart.sh: cannot read the model '$model'" >&2
    exit 64
fi

clock() { date +%s; }
t0=$(clock)
# shellcheck disable=SC2086 # a list of words
need_packages $BUILD_PACKAGES || exit 2
need_cmake || exit 2
t1=$(clock)

echo "== building"
log=build/quickstart.log
mkdir -p build
if ! { cmake --preset release -DRL_TESTS=OFF && cmake --build --preset release -j "$(nproc)"; } >$log 2>&1; then
    cat $log >&2
    exit 2
fi
bin=build/release
t2=$(clock)

if [ -z "$model" ]; then
    model=models/tinyllama-1.1b-q4_0.gguf
    if [ ! -e $model ]; then
        echo "== making a synthetic TinyLlama-1.1B ($model)"
        mkdir -p models
        $bin/tools/ridgeline model synth --preset tinyllama-1.1b --format q4_0 --seed 1 --out $model || exit 2
    fi
fi
t3=$(clock)

echo "== decoding"
$bin/e2e/tinyllama --model "$model" --prompt "The machine said" -n 32 || exit 2

echo
echo "== running the lanes"
status=0
if [ "$mode" = --quick ]; then
    $bin/tools/ridgeline run all --quick --model "$model" || status=$?
else
    $bin/tools/ridgeline run all --model "$model" || status=$?
fi
t4=$(clock)
echo
echo "time: install $((t1 - t0)) s, build $((t2 - t1)) s, model $((t3 - t2)) s, decode and lanes $((t4 - t3)) s"
echo "reports: reports/"
exit $status
