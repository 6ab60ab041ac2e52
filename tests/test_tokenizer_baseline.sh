#!/bin/sh
# test_tokenizer_baseline.sh SOURCE BENCH - tools/tokenizer_baseline.py without any package: that it compiles, what it refuses,
# what it says where `tokenizers` is missing; and that what the bench dumps is cut and counted as the script does it.
set -u
source=$1 bench=$2
. "$(dirname "$0")/cli.sh"
command -v python3 >/dev/null || { echo "skipped: no python3"; exit 0; }
script=$source/tools/tokenizer_baseline.py

expect 0 "it compiles" python3 -c "import ast, sys; ast.parse(open(sys.argv[1]).read())" "$script"
expect 0 "--help" python3 "$script" --help
says "--install"
refused() { # SAYS ARGUMENT...
    text=$1
    shift
    expect 64 "$*" python3 "$script" "$@"
    says "$text"
}
refused "'x'" --engines=x
refused "expected some of english" --corpora=english,klingon
refused "expected some of 64" --sizes=65
refused "expected numbers from 1 to 256" --threads=0
refused "expected numbers from 1 to 256" --threads=1,
refused "expected numbers from 1 to 256" --threads=257
refused "expected seconds" --min-time=0
refused "expected seconds" --min-time=inf
refused "min-time" --min-time=x
refused "benchmark_filter" "--benchmark_filter=("
refused "unrecognized arguments: --bech=x" --bech=x
refused "invalid choice" --benchmark_out_format=json
expect 69 "no row of its" python3 "$script" --benchmark_filter=^gemv/
says "none of its rows is asked for"
expect 69 "no package" python3 -S -I "$script" --venv="$tmp/nowhere"
says "tools/tokenizer_baseline.py --install"

expect 0 "the bench's texts" "$bench" --dump-corpus="$tmp/dump"
expect 1 "a directory that cannot be made" "$bench" --dump-corpus=/dev/null/x
expect 0 "read as the script reads them" python3 - "$script" "$tmp/dump" <<'PYTHON'
import importlib.util, pathlib, sys
sys.dont_write_bytecode = True
spec = importlib.util.spec_from_file_location("baseline", sys.argv[1])
b = importlib.util.module_from_spec(spec)
spec.loader.exec_module(b)
where = pathlib.Path(sys.argv[2])
corpora = b.read_corpora(where)
assert list(corpora) == b.CORPORA, list(corpora)
prefix, pieces = b.read_pieces(where)
assert prefix and len(pieces) == 32000 and pieces[0][0] == b.UNKNOWN and pieces[3 + 65] == (b.BYTE, 0.0, "<0x41>")
piece = [text.replace("\u2581", " ").encode() if kind != b.BYTE else bytes([int(text[3:5], 16)]) for kind, _, text in pieces]
for c in corpora.values():
    for size in b.SIZES:
        texts, ids = c.texts(size), c.ids(size)
        assert len(texts) == len(ids) > 0, (c.name, size, len(texts), len(ids))
        for text, own in zip(texts, ids):
            text.decode()
            assert c.marked or b"".join(piece[i] for i in own) == b" " + text, (c.name, size)
assert b.difference([[1, 2, 3]], [[1, 2, 3]]) is None
assert "text 0 from id 1" in b.difference([[1, 2, 3]], [[1, 5, 3]])
assert "1 texts" in b.difference([[1], [2]], [[1]])
assert b.field(3, 300) == b"\x18\xac\x02" and b.field(1, b"ab") == b"\x0a\x02ab" and b.field(2, 1.0) == b"\x15\0\0\x80\x3f"
PYTHON
printf 'x' >>"$tmp/dump/dna.txt"
expect 1 "a text that was changed" python3 -c "
import importlib.util, pathlib, sys
sys.dont_write_bytecode = True
spec = importlib.util.spec_from_file_location('baseline', sys.argv[1])
b = importlib.util.module_from_spec(spec); spec.loader.exec_module(b)
b.read_corpora(pathlib.Path(sys.argv[2]))" "$script" "$tmp/dump"
says "dna.txt: 1048577 bytes"

echo "$checks checks, $failures failures"
[ $failures = 0 ]
