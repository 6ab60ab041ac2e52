# verdict.sh - for scripts to source: what a verdict.json says.
#
# verdict_value FILE DEPTH KEY: the value of a key at a depth of the file. It is written with a line a key, indented by
# tabs, and no text in it has a raw tab or line feed.
verdict_value() {
    sed -n "s/^$(printf '%*s' "$2" '' | tr ' ' '\t')\"$3\":	\(.*[^,]\),\{0,1\}\$/\1/p" "$1"
}
