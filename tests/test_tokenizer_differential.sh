#!/bin/sh
# test_tokenizer_differential.sh SOURCE RIDGELINE BENCH - tests/differential/tokenizer_differential.py without any package: that it
# compiles, what it refuses, what it says where one is missing; its texts; and that it finds and shrinks a difference.
set -u
source=$1 ridgeline=$2 bench=$3
. "$(dirname "$0")/cli.sh"
command -v python3 >/dev/null || { echo "skipped: no python3"; exit 0; }
script=$source/tests/differential/tokenizer_differential.py

expect 0 "it compiles" python3 -c "import ast, sys; ast.parse(open(sys.argv[1]).read())" "$script"
expect 0 "--help" python3 "$script" --help
says "--llama-tokenize"
refused() { # SAYS ARGUMENT...
    text=$1
    shift
    expect 64 "$*" python3 "$script" --ridgeline="$ridgeline" --bench="$bench" "$@"
    says "$text"
}
refused "'0': expected a number from 1 to 1000000000" --texts=0
refused "'-1': expected a number from 0 to 1000000000" --seed=-1
refused "'x': expected a number from 1 to 1000000" --batch=x
refused "'$tmp': expected built-in, made:N, or a file that ends in" "$tmp"
refused "'0': expected a number from 1 to 1000000" made:0
refused "$tmp/x.gguf: no such file" "$tmp/x.gguf"
refused "no program at $tmp/nowhere" --llama-tokenize="$tmp/nowhere"
refused "no program at $tmp" --ridgeline="$tmp"
refused "unrecognized arguments: --text=1" --text=1
expect 69 "no package" python3 -S -I "$script" --ridgeline="$ridgeline" --bench="$bench"
says "the Python package \`tokenizers\` is not installed: \`tools/tokenizer_baseline.py --install\`"

expect 0 "the bench's texts" "$bench" --dump-corpus="$tmp/dump"
expect 0 "what it is made of" python3 - "$script" "$tmp/dump" "$ridgeline" "$tmp" <<'PYTHON'
import contextlib, importlib.util, io, pathlib, sys
sys.dont_write_bytecode = True
spec = importlib.util.spec_from_file_location("differential", sys.argv[1])
d = importlib.util.module_from_spec(spec)
spec.loader.exec_module(d)
pieces = d.load_baseline().read_pieces(pathlib.Path(sys.argv[2]))[1]
corpora = [c.data.decode() for c in d.load_baseline().read_corpora(pathlib.Path(sys.argv[2])).values()]

# Texts: the same for a seed, all sorts, and bytes that are no UTF-8.
def some(seed):
    t = d.Texts(pieces, corpora, d.random.Random(seed))
    return [t.text() for _ in range(4000)], [t.broken() for _ in range(400)]
texts, broken = some(1)
assert (texts, broken) == some(1) and texts != some(2)[0]
for what in ("\0", "\u2581", "  ", "</s>", " </s>", "<unk>\n", "<0x", "\U0001f300"):
    assert any(what[:-1] in text if what == "\U0001f300" else what in text for text in texts), what
assert max(map(len, texts)) > 4000 and min(map(len, texts)) < 4
assert all(ord(c) not in range(0xD800, 0xE000) for text in texts for c in text)
assert any(ord(c) > 0xFFFF for text in texts for c in text)
def valid(data):
    try:
        return data.decode() is not None
    except UnicodeDecodeError:
        return False
assert sum(map(valid, broken)) < 200

# Ours beside ours by JSON and by hexadecimal: no difference, and every text is asked for.
ours = d.Ours(sys.argv[3], "built-in", "llama.cpp", True)
class Hex:
    takes_bytes = True
    def ids(self, texts):
        return ours.ids([d.as_bytes(text) for text in texts])
same = d.Comparison("same", ours, Hex())
same.check(texts)
same.check(broken)
assert (same.n_texts, same.n_different) == (4400, 0), (same.n_texts, same.n_different)

# One that differs where a text has "q", some time later "z", and an odd length without them.
class Other:
    def ids(self, texts):
        return [ids + [0] * differs(text) for ids, text in zip(ours.ids(texts), texts)]
def differs(text):
    q, z = (b"q", b"z") if isinstance(text, bytes) else ("q", "z")
    return q in text and z in text[text.index(q):] and len(text) % 2 == 1
for text in ("q" + "abc " * 100 + "zzz" + "x" * 47, b"q\xff" * 7 + b" zz"):
    c, out = d.Comparison("a name", ours, Other()), io.StringIO()
    with contextlib.redirect_stdout(out):
        c.check([text[1:].replace(text[:1], text[:0]), text, text])
    lines = [line.split("\t") for line in out.getvalue().splitlines()]
    assert c.n_different == len(lines) == 2, lines
    for what, name, shrunk, mine, theirs in lines:
        assert (what, name, theirs) == ("differs", "a name", mine + " 0"), lines
        assert len(shrunk.replace("\\xff", "?").replace("\\x20", "?")) == 3, shrunk

# Made vocabularies: the same for a seed, all sorts, and files that ours reads.
assert d.Made(d.random.Random("1/2")).hf() == d.Made(d.random.Random("1/2")).hf()
kinds = set()
for seed in range(12):
    rng = d.random.Random(seed)
    v = d.Made(rng)
    (json, pieces), proto = v.hf(), v.pieces(unused=True)
    kinds |= {kind for kind, _, _ in pieces + proto}
    files = [("made.json", json, "hf"), ("made.model", d.load_baseline().SentencePiece.build(v.prefix, proto), "sentencepiece")]
    for name, data, mode in files + [("made.gguf", v.gguf()[0], "llama.cpp")] * v.has_bytes:
        path = pathlib.Path(sys.argv[4]) / name
        path.write_bytes(d.as_bytes(data))
        made = d.Texts(proto, None, rng)
        ids = d.Ours(sys.argv[3], str(path), mode, False).ids([made.text() for _ in range(20)])
        assert len(ids) == 20 and max(map(len, ids)) > 1
assert kinds == {1, 2, 3, 4, 5, 6}, kinds

# The protocol of --llama-tokenize.
program = pathlib.Path(sys.argv[4]) / "program"
program.write_text("""#!%s
import struct, sys
data, at = sys.stdin.buffer.read(), 0
while at < len(data):
    n, = struct.unpack_from("<I", data, at)
    sys.stdout.buffer.write(struct.pack("<III", 2, n, len(sys.argv)) if n else struct.pack("<I", 0))
    at += 4 + n
""" % sys.executable)
program.chmod(0o755)
assert d.LlamaCpp(str(program), "m", True).ids(["a\u2581", "", b"\xff"]) == [[4, 3], [], [1, 3]]
PYTHON

echo "$checks checks, $failures failures"
[ $failures = 0 ]
