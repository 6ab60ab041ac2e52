#!/bin/sh
# test_code_hashes.sh CC CMAKE SOURCE - what moves the hashes of object code and what does not: a comment does not, code
# does, and only its own part; neither does the directory it was built in, nor the commit.
set -u
cc=$1 cmake=$2 source=$3
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
failures=0

fail() {
    failures=$((failures + 1))
    echo "FAILED: $*"
}

# build DIR [WAY]: objects of DIR/src as a release has them, in places like CMake's, and their table in DIR/table.c.
build() {
    for file in "$1"/src/*.c; do
        name=$(basename "$file")
        lib=rl_kernels
        [ "$name" != build.c ] || lib=rl_perf
        mkdir -p "$1/$lib.dir"
        "$cc" -std=c17 -D_GNU_SOURCE -O3 -DNDEBUG -fPIC -ffp-contract=off -I"$source" -I"$source/kernels" \
            -c "$file" -o "$1/$lib.dir/$name.o" || fail "$file does not compile"
    done
    ls "$1"/*.dir/*.o | sed "s|dir/|dir/${2:-}|" >"$1/list"
    "$cmake" -DLIST="$1/list" -DOUT="$1/table.c" -P "$source/cmake/code_hashes.cmake" || fail "no table of $1"
}

# copy NAME: the sources, in a directory of that name.
copy() {
    mkdir -p "$tmp/$1/src"
    cp "$source/kernels/ops/ops_scalar.c" "$source/kernels/ops/ops.c" "$source/kernels/base/format.c" "$tmp/$1/src"
    echo "const char *commit(void); const char *commit(void) { return \"$1\"; }" >"$tmp/$1/src/build.c"
}

# hash DIR PART
hash() { sed -n "s|^ *{\"$2\", \"\([0-9a-f]\{16\}\)\"},\$|\1|p" "$tmp/$1/table.c"; }

same() { # DIR PART
    [ -n "$(hash "$1" "$2")" ] && [ "$(hash "$1" "$2")" = "$(hash before "$2")" ] || fail "$1 has another $2"
}

other() { # DIR PART
    [ -n "$(hash "$1" "$2")" ] && [ "$(hash "$1" "$2")" != "$(hash before "$2")" ] || fail "$1 has the same $2"
}

copy before
build "$tmp/before"
[ "$(grep -c '", "' "$tmp/before/table.c")" = 2 ] || fail "expected two parts"
grep -q '= {code, 2}' "$tmp/before/table.c" || fail "expected two parts counted"

copy comments # build.c says another commit, too
for file in ops_scalar.c ops.c format.c; do
    { printf '/* More\n * words. */\n'; cat "$tmp/before/src/$file"; echo '/* And more. */'; } >"$tmp/comments/src/$file"
done
build "$tmp/comments" ./ # as Ninja names them
same comments ops/scalar
same comments common

copy kernel
echo 'int rl_another(int x); int rl_another(int x) { return 3 * x; }' >>"$tmp/kernel/src/ops_scalar.c"
build "$tmp/kernel"
other kernel ops/scalar
same kernel common

copy shared
echo 'int rl_another(int x); int rl_another(int x) { return 3 * x; }' >>"$tmp/shared/src/format.c"
build "$tmp/shared"
same shared ops/scalar
other shared common

# A table that has not changed is not written, so that nothing is linked again.
touch -d '2001-01-01' "$tmp/before/table.c"
build "$tmp/before"
[ -z "$(find "$tmp/before/table.c" -newermt 2002-01-01)" ] || fail "an unchanged table was written"

[ $failures = 0 ] && echo "code hashes: as expected"
exit $((failures > 0))
