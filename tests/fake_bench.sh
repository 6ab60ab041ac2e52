#!/bin/sh
# fake_bench.sh - a bench program for the tests of ab and bisect: takes the flags that ridgeline gives a bench and
# writes a CSV of made-up times. What it does stands in the file `mode` beside it, a few words:
#   a=N b=N     the times of its rows; a time differs by up to 0.5 % from launch to launch
#   rows=...    the names it lists and runs, with commas
#   others      below
# shellcheck disable=SC1007,SC2034 # empty values; names that the mode sets
dir=$(dirname "$0")
filter=. launch=0 counts= out= list=
for argument; do
    case $argument in
    --benchmark_filter=*) filter=${argument#*=} ;;
    --benchmark_out=*) out=${argument#*=} ;;
    --launch=*) launch=${argument#*=} ;;
    --benchmark_iterations_from=*) counts=${argument#*=} ;;
    --benchmark_list_tests) list=1 ;;
    --benchmark_out_format=csv | --size=3) ;;
    *) echo "unrecognized command-line flag: $argument" >&2; exit 64 ;;
    esac
done
a=1000 b=2000 c=3000 rows=fake/a,fake/b unit=ns does= until=0 slow_from= hits= every= by=0 iterations=1000 wait=
read -r mode <"$dir/mode"
for word in $mode; do
    case $word in
    *=*) eval "$word" ;;
    *) does=$word ;;
    esac
done

# A launch of a block is slower by `by` per cent: in `hits` of `every` blocks; up to launch `until`; or where the
# file slow_from names its number.
block=$(((launch - 4) / 6)) percent=0
if [ -n "$every" ]; then
    [ $((block % every)) -ge "$hits" ] || percent=$by
elif [ "$launch" -le "$until" ]; then
    percent=$by
elif [ -n "$slow_from" ]; then
    ! grep -qx "$launch" "$slow_from" || percent=$by
fi

found=$(echo "$rows" | tr ',' '\n' | grep -E -- "$filter")
if [ -n "$list" ]; then
    [ "$does" != garbage ] || found='what "is" this'
    echo "$found"
    exit 0
fi
[ "$BENCHMARK_YARDSTICKS" = false ] || { echo "yardsticks, for two builds" >&2; exit 1; }
case $does in
flagless) [ -z "$counts" ] || { echo "unrecognized command-line flag: --benchmark_iterations_from" >&2; exit 64; } ;;
crash) [ "$launch" -lt 9 ] || { echo "about to crash" >&2; kill -SEGV $$; } ;;
hang) [ "$launch" -lt 9 ] || sleep 600 ;;
esac
[ -z "$wait" ] || sleep "$wait"
[ -z "$counts" ] || iterations=$(sed -n '2s/[^,]*,\([^,]*\),.*/\1/p' "$counts")
{
    echo "name,iterations,real_time,time_unit,error_occurred,error_message,launch,repetition,contaminated"
    for name in $found; do
        case $name in
        */a) time=$a ;;
        */b) time=$b ;;
        *) time=$c ;;
        esac
        time=$((time * (100 + percent) * (1000 + launch * 7 % 11 - 5) / 100))
        case $does-$name in
        fails-fake/b) echo "$name,,,,true,sum is off,$launch,0," ;;
        skips-fake/b) echo "$name,,,,false,cpu lacks it,$launch,0," ;;
        zero-fake/b) echo "$name,$iterations,0,$unit,,,$launch,0,0" ;;
        loses-fake/b) ;;
        *) echo "$name,$iterations,$time,$unit,,,$launch,0,0" ;;
        esac
    done
} >"$out"
cat >"$out.context.json" <<CONTEXT
{"machine_class": "box-1", "machine_class_of": {"cores": "1"}, "load_avg": [0, 0, 0],
 "build": {"commit": "0123456789ab", "dirty": false}, "machine": {"kernel": "Linux"}, "launch": $launch}
CONTEXT
case $does-$found in fails-*fake/b) exit 1 ;; esac
exit 0
