#!/usr/bin/env python3
"""tokenizer_differential.py - made-up texts to our tokenizer and to others: where ids differ, the text is shrunk and printed.

    tests/differential/tokenizer_differential.py [--texts=N] [--seed=N] [--llama-tokenize=PROGRAM] MODEL...

Each MODEL is compared with the engine whose file it is, in that engine's mode:
    built-in          the program's own vocabulary, built anew for Hugging Face's `tokenizers` and for `sentencepiece`
    tokenizer.json    `tokenizers`: --mode hf, with --special and without (there: encode_special_tokens)
    tokenizer.model   `sentencepiece`: --mode sentencepiece
    FILE.gguf         llama.cpp: --mode llama.cpp, with --special (parse_special) and without; needs --llama-tokenize
    made:N            N small random vocabularies (made_vocabulary.py), each as those three files; --texts of them for each of them. The
                      files of those with a difference are kept, and named
bos as the file has it. `built-in` alone where no MODEL is given.

PROGRAM is any that loads llama.cpp and is run as `PROGRAM MODEL SPECIAL`, SPECIAL 0 or 1 being llama_tokenize's parse_special,
with add_special true. It reads texts from standard input, each a little-endian 32-bit length and so many bytes, to the end,
and writes for each a 32-bit number of ids and the ids, 32 bits each.

N texts come from each model's own pieces and from what bench_tokenizer dumps, by the generators below, the same for the same
seed. One in eight is not UTF-8: those go to the engines that take bytes (`sentencepiece` and llama.cpp), the others to all.
Ours are asked by `ridgeline tokenize encode --lines`, a JSON string each, or by --hex where JSON cannot hold them.

A difference is a line of fields with a tab between them: "differs", what was compared, the shrunk text (as in
tests/vectors/tokenizer.txt: bytes outside 0x21 to 0x7e and backslashes are \\xNN), our ids, their ids.

A tool for developers: needs the packages tokenizers and sentencepiece (tools/tokenizer_baseline.py --install), and the
programs ridgeline and bench_tokenizer. Exit status: 0 no difference; 1 differences, or something failed; 64 bad usage; 69 a
package is missing."""
import argparse
import collections
import importlib.util
import json
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True  # of the modules below
sys.path.insert(0, str(Path(__file__).resolve().parent))
from made_vocabulary import Made

HERE = Path(__file__).resolve().parent
ROOT = HERE / "../.."
FAILED, USAGE, UNAVAILABLE = 1, 64, 69
MARK = "\u2581"
NORMAL, UNKNOWN, CONTROL, USER, BYTE = 1, 2, 3, 4, 6
SHOWN = 5  # differences shrunk and printed, of one comparison
LONG = 64 << 10


def die(code, text):
    print(f"tokenizer_differential.py: {text}", file=sys.stderr)
    sys.exit(code)


def load_baseline():
    """tools/tokenizer_baseline.py knows how to build a vocabulary for the two packages, and to read a dump."""
    spec = importlib.util.spec_from_file_location("tokenizer_baseline", ROOT / "tools/tokenizer_baseline.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# ---- Texts ---------------------------------------------------------------------------------------------------

BLOCKS = [(0x20, 0x7F), (0x0, 0x20), (0x80, 0x100), (0x100, 0x250), (0x250, 0x370), (0x370, 0x400), (0x400, 0x530), (0x590, 0x700),
          (0x900, 0x980), (0xE00, 0xE80), (0x1100, 0x1200), (0x1E00, 0x2000), (0x2000, 0x2100), (0x2190, 0x2600), (0x2580, 0x25A0),
          (0x3000, 0x3100), (0x4E00, 0xA000), (0xAC00, 0xD7B0), (0xE000, 0xE100), (0xF900, 0xFB00), (0xFE00, 0x10000), (0x10000, 0x10400),
          (0x1D400, 0x1D800), (0x1F300, 0x1FB00), (0x20000, 0x2A6E0), (0xE0000, 0xE0200), (0x10FF00, 0x110000)]
ALPHABETS = ["abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", "0123456789abcdef", "ACGT",
             "0123456789", "01", "ab", "etaoin", ".,;:!?-=#*/\\", "()[]{}<>", " \n\t", "aA "]
BROKEN = [b"\xff", b"\xfe", b"\x80", b"\xbf", b"\xc0\x80", b"\xc1\xbf", b"\xc3", b"\xe2", b"\xe2\x96", b"\xf0\x9f", b"\xf0\x9f\xa6",
          b"\xe0\x80\x80", b"\xe0\x9f\xbf", b"\xf0\x80\x80\x80", b"\xf0\x8f\xbf\xbf", b"\xed\xa0\x80", b"\xed\xbf\xbf",
          b"\xed\xa0\xbd\xed\xb8\x80", b"\xf4\x90\x80\x80", b"\xf5\x80\x80\x80", b"\xf8\x88\x80\x80\x80", b"\xef\xbf\xbd"]


def kind_of(c):
    """Which sort of cut a character makes: pieces are paired by it."""
    if c in (MARK, " "):
        return "space"
    if c.isascii():
        return "lower" if c.islower() else "upper" if c.isupper() else "digit" if c.isdigit() else "punctuation" if c.isprintable() else "control"
    return "cased" if c.lower() != c.upper() else "wide" if ord(c) >= 0x2E80 else "other"


class Texts:
    """The generators; each returns text, or bytes where it makes what is no UTF-8."""

    def __init__(self, pieces, corpora, rng):
        self.rng = rng
        self.pieces = [text for kind, _, text in pieces if kind == NORMAL]
        self.special = [text for kind, _, text in pieces if kind in (UNKNOWN, CONTROL, USER)]
        self.bytes = [text for kind, _, text in pieces if kind == BYTE]
        self.chars = sorted({c for text in self.pieces for c in text})
        self.ends, self.begins = collections.defaultdict(list), collections.defaultdict(list)
        for text in self.pieces:
            self.ends[kind_of(text[-1])].append(text)
            self.begins[kind_of(text[0])].append(text)
        small = len(self.chars) < 64  # a made vocabulary: its own letters, most of the time
        self.alphabets = ["".join(self.chars) + " "] * 3 + ["".join(self.chars) + "<>/s \n"] if small else ALPHABETS
        self.corpora = corpora or ["".join(rng.choices(self.alphabets[0], k=2000))]
        kinds = [(self.joined, 14), (self.pair, 4 if small else 24), (self.run, 3), (self.spaces, 10), (self.alphabet, 20 if small else 8),
                 (self.blocks, 2 if small else 14), (self.nul, 2), (self.around_special, 20 if small else 8), (self.slice, 10),
                 (self.mended, 6), (self.mixture, 1)]
        self.kinds, self.weights = zip(*kinds)
        self.turn = 0

    def length(self, most):
        """1 to most, the short ones oftener."""
        return min(most, int(most ** self.rng.random()))

    def piece(self):
        return self.rng.choice(self.pieces)

    def spaced(self, text):
        """U+2581 as a space, nearly always."""
        return text if self.rng.random() < 0.05 else text.replace(MARK, " ")

    def joined(self):
        return self.spaced("".join(self.piece() for _ in range(self.length(16))))

    def pair(self):
        a = self.rng.choice(self.ends[self.rng.choice(list(self.ends))])
        b = self.rng.choice(self.begins[self.rng.choice(list(self.begins))])
        return self.spaced(a + b)

    def run(self):
        c = self.rng.choice(self.chars) if self.rng.random() < 0.7 else self.code_point()
        text = c * self.length(4096)
        if self.rng.random() < 0.3:
            text = self.piece() + text
        if self.rng.random() < 0.3:
            text += self.piece()
        return self.spaced(text)

    def spaces(self):
        """Runs of spaces, of U+2581, of both; each character of the vocabulary by turns behind them."""
        self.turn += 1
        n = self.length(70) - 1
        marks = self.rng.choice([" ", MARK, None])
        run = marks * n if marks else "".join(self.rng.choice(" " + MARK) for _ in range(n))
        if self.rng.random() < 0.2:
            run += self.rng.choice("\n\t\r\xa0\u3000") + " " * self.rng.randrange(4)
        head = self.piece() if self.rng.random() < 0.3 else ""
        return head + run + (self.chars[self.turn % len(self.chars)] if self.rng.random() < 0.7 else self.piece())

    def alphabet(self):
        letters = self.rng.choice(self.alphabets)
        n = self.length(LONG) if self.rng.random() < 0.002 else self.length(300)
        return "".join(self.rng.choices(letters, k=n))

    def code_point(self):
        low, high = self.rng.choice(BLOCKS)
        return chr(self.rng.randrange(low, high))

    def blocks(self):
        """Code points of one block or of several, or any."""
        style = self.rng.randrange(3)
        n = self.length(24)
        if style == 0:
            low, high = self.rng.choice(BLOCKS)
            return "".join(chr(self.rng.randrange(low, high)) for _ in range(n))
        if style == 1:
            return "".join(self.code_point() for _ in range(n))
        return "".join(chr(self.rng.choice([self.rng.randrange(0xD800), self.rng.randrange(0xE000, 0x110000)])) for _ in range(n))

    def nul(self):
        return "".join(self.rng.choice(["\0", "\0", " ", "a", self.piece()]) for _ in range(self.length(10)))

    def around_special(self):
        """Special pieces, byte pieces and what only looks like one, with blanks between."""
        parts = []
        for _ in range(self.length(6)):
            special = self.rng.choice(self.special)
            if self.rng.random() < 0.15:
                special = self.rng.choice([special[:-1], special[1:], special.upper(), "<" + special, self.rng.choice(self.bytes or ["<"]), "<|user|>\n"])
            parts += [self.rng.choice(["", "", " ", "  ", "\n", MARK]), special, self.rng.choice(["", "", " ", "  ", "\n", MARK, self.piece()])]
        return self.spaced((self.piece() if self.rng.random() < 0.5 else "") + "".join(parts))

    def slice(self):
        """Prose, code, JSON and chats, and the rest of what the bench has."""
        corpus = self.rng.choice(self.corpora)
        n = self.length(LONG) if self.rng.random() < 0.005 else self.length(400)
        at = self.rng.randrange(len(corpus))
        return corpus[at:at + n]

    def mended(self):
        """Such a text with something in the middle of it replaced."""
        text = self.slice()[:200]
        for _ in range(self.length(4)):
            at, n = self.rng.randrange(len(text) + 1), self.rng.randrange(4)
            with_what = self.rng.choice([self.piece, self.code_point, lambda: " " * self.length(20), lambda: self.rng.choice(self.special), lambda: ""])()
            text = text[:at] + with_what + text[at + n:]
        return self.spaced(text)

    def mixture(self):
        return "".join(self.rng.choices(self.kinds[:-1], self.weights[:-1])[0]() for _ in range(self.length(6)))

    def broken(self):
        """Bytes: characters cut short, spelled too long, halves of surrogate pairs, among pieces and spaces; or any at all."""
        style = self.rng.randrange(4)
        if style == 0:
            return bytes(self.rng.randrange(256) for _ in range(self.length(24)))
        if style == 1:
            return bytes(self.rng.choices(b"\xe2\x96\x81 \xef\xbf\xbdab\xc3\xa9\xf0\xff</s>", k=self.length(24)))
        if style == 2:
            data = bytearray(self.text().encode()[:200]) or bytearray(b" ")
            for _ in range(self.length(4)):
                at = self.rng.randrange(len(data))
                data[at:at + self.rng.randrange(2)] = self.rng.choice(BROKEN)[:self.rng.randint(1, 5)]
            return bytes(data)
        parts = [lambda: self.rng.choice(BROKEN), lambda: self.spaced(self.piece()).encode(), lambda: b" " * self.length(5),
                 lambda: self.rng.choice(self.special).encode(), lambda: self.code_point().encode()]
        return b"".join(self.rng.choice(parts)() for _ in range(self.length(10)))

    def text(self):
        return self.rng.choices(self.kinds, self.weights)[0]()


# ---- Engines: each gives the ids of texts, which are str or bytes ----------------------------------------------

def as_bytes(text):
    return text.encode() if isinstance(text, str) else text


def run_program(command, data):
    done = subprocess.run(command, input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    if done.returncode != 0:
        die(FAILED, f"`{' '.join(map(str, command))}` exited with status {done.returncode}: {done.stderr.decode(errors='replace').strip()[-300:]}")
    return done.stdout


class Ours:
    def __init__(self, program, model, mode, special):
        self.command = [program, "tokenize", "encode", f"--model={model}", f"--mode={mode}", "--format=ids"] + ["--special"] * special

    def ids(self, texts):
        quoted = all(isinstance(text, str) for text in texts)
        lines = [json.dumps(text, ensure_ascii=len(text) % 2 == 0) if quoted else as_bytes(text).hex() for text in texts]
        out = run_program([*self.command, "--lines" if quoted else "--hex"], "\n".join([*lines, ""]).encode()).decode().split("\n")[:-1]
        return [[int(word) for word in line.split()] for line in out]


class Hf:
    takes_bytes = False

    def __init__(self, tok, special, bos):
        self.tok, self.bos = tok, bos
        tok.encode_special_tokens = not special

    def ids(self, texts):
        return [self.bos + e.ids for e in self.tok.encode_batch_fast(texts, add_special_tokens=not self.bos)]


class SentencePiece:
    takes_bytes = True

    def __init__(self, tok, bos):
        self.tok, self.bos = tok, bos

    def ids(self, texts):
        return [self.bos + ids for ids in self.tok.encode([as_bytes(text) for text in texts], num_threads=1)]


class LlamaCpp:
    takes_bytes = True

    def __init__(self, program, model, special):
        self.command = [program, model, str(int(special))]

    def ids(self, texts):
        out = run_program(self.command, b"".join(struct.pack("<I", len(data)) + data for data in map(as_bytes, texts)))
        if len(out) % 4 != 0:
            die(FAILED, f"{self.command[0]}: {len(out)} bytes of ids, expected 4 each")
        words, ids, at = struct.unpack(f"<{len(out) // 4}I", out), [], 0
        while at < len(words):
            ids.append(list(words[at + 1:at + 1 + words[at]]))
            at += 1 + words[at]
        return ids


# ---- Comparing -----------------------------------------------------------------------------------------------

class Comparison:
    """One mode of ours beside one engine."""

    def __init__(self, name, ours, theirs):
        self.name, self.ours, self.theirs = name, ours, theirs
        self.n_texts = self.n_bytes = self.n_different = 0

    def different(self, texts):
        """Which of them give other ids."""
        ours, theirs = self.ours.ids(texts), self.theirs.ids(texts)
        if not len(ours) == len(theirs) == len(texts):
            die(FAILED, f"{self.name}: {len(texts)} texts, ids of {len(ours)} from us and of {len(theirs)} from the other")
        return [i for i, (a, b) in enumerate(zip(ours, theirs)) if a != b]

    def check(self, texts):
        if not texts:
            return
        self.n_texts += len(texts)
        self.n_bytes += sum(len(as_bytes(text)) for text in texts)
        for i in self.different(texts):
            self.n_different += 1
            if self.n_different <= SHOWN:
                self.show(self.shrink(texts[i]))

    def shrink(self, text):
        """Without any stretch, of half the text down to one character (or byte), that the difference does not need."""
        size = max(1, len(text) // 2)
        while True:
            step = size if len(text) > 100 else 1
            tries = [text[:at] + text[at + size:] for at in range(0, len(text) - size + 1, step)]
            found = self.different(tries) if len(text) > 1 else []
            if found:
                text = min((tries[i] for i in found), key=len)
            elif size == 1:
                return text
            size = size if found else size // 2 if size > 8 else size - 1
            size = max(1, min(size, len(text) // 2))

    def show(self, text):
        ids = [" ".join(map(str, engine.ids([text])[0])) for engine in (self.ours, self.theirs)]
        shown = "".join(chr(b) if 0x21 <= b <= 0x7E and b != 0x5C else f"\\x{b:02x}" for b in as_bytes(text))
        print("differs", self.name, shown, *ids, sep="\t", flush=True)


def comparisons(args, model, dump, base, plain=True):
    """What there is to compare a model with; with --special only, of Hugging Face's, unless `plain`."""
    import sentencepiece as sp
    import tokenizers as tk
    kind = Path(model).suffix
    made = []

    def add(engine, mode, special, theirs):
        name = f"{Path(model).name} {mode}{' --special' if special else ''}, {engine}"
        made.append(Comparison(name, Ours(args.ridgeline, model, mode, special), theirs))

    if model == "built-in":
        bos = [int(word) for word in run_program([args.ridgeline, "tokenize", "encode", "--model=built-in"], b"").split()]
        prefix, pieces = base.read_pieces(dump)
        for special in (True, False):
            add(f"tokenizers {tk.__version__}", "hf", special, Hf(base.Hf.build(tk, prefix, pieces), special, bos))
        proto = base.SentencePiece.build(prefix, pieces)
        add(f"sentencepiece {sp.__version__}", "sentencepiece", False, SentencePiece(sp.SentencePieceProcessor(model_proto=proto), bos))
    elif kind == ".json":
        for special in (True, False)[:1 + plain]:
            add(f"tokenizers {tk.__version__}", "hf", special, Hf(tk.Tokenizer.from_file(model), special, []))
    elif kind == ".model":
        tok = sp.SentencePieceProcessor(model_file=model)
        add(f"sentencepiece {sp.__version__}", "sentencepiece", False, SentencePiece(tok, [tok.bos_id()] if tok.bos_id() >= 0 else []))
    elif args.llama_tokenize:
        for special in (True, False):
            add("llama.cpp", "llama.cpp", special, LlamaCpp(args.llama_tokenize, model, special))
    else:
        print(f"{model}: skipped, for there is no --llama-tokenize")
    return made


def compare(args, made, texts):
    """Every comparison of a model, over the same texts."""
    left = args.texts if made else 0
    bytes_wanted = any(c.theirs.takes_bytes for c in made)
    while left > 0:
        n = min(left, args.batch)
        n_broken = n // 8 if bytes_wanted else 0
        valid, broken = [texts.text() for _ in range(n - n_broken)], [texts.broken() for _ in range(n_broken)]
        for c in made:
            c.check(valid)
            if c.theirs.takes_bytes:
                c.check(broken)
        left -= n
    return made


def compare_model(args, model, base):
    with tempfile.TemporaryDirectory(prefix="tokenizer-differential-") as temp:
        run_program([args.bench, f"--dump-corpus={temp}", *([] if model == "built-in" else [f"--model={model}"])], b"")
        corpora = [corpus.data.decode() for corpus in base.read_corpora(Path(temp)).values()]
        made = comparisons(args, model, Path(temp), base)
        return compare(args, made, Texts(base.read_pieces(Path(temp))[1], corpora, random.Random(args.seed)))


def compare_made(args, n, base):
    """The comparisons of all made vocabularies, those of a kind added up."""
    sums = {}
    for i in range(n):
        rng = random.Random(f"{args.seed}/{i}")
        v, temp = Made(rng), Path(tempfile.mkdtemp(prefix="tokenizer-differential-"))
        files = [("tokenizer.json", *v.hf())]
        pieces = v.pieces(True)
        files += [("tokenizer.model", base.SentencePiece.build(v.prefix, pieces), pieces)]
        if v.has_bytes and args.llama_tokenize:
            files += [("vocab.gguf", *v.gguf())]
        different = 0
        for name, data, pieces in files:
            (temp / name).write_bytes(as_bytes(data))
            found = comparisons(args, str(temp / name), temp, base, not v.can_hide())
            for c in compare(args, found, Texts(pieces, None, rng)):
                total = sums.setdefault(c.name, Comparison(f"{n} made, {c.name}", None, None))
                total.n_texts, total.n_bytes, total.n_different = (
                    total.n_texts + c.n_texts, total.n_bytes + c.n_bytes, total.n_different + c.n_different)
                different += c.n_different
        if different:
            print(f"made vocabulary {i}: {different} differences, files kept in {temp}", flush=True)
        else:
            shutil.rmtree(temp)
    return list(sums.values())


# ---- The command ---------------------------------------------------------------------------------------------

def whole(least, most):
    def parse(text):
        if not (text.isascii() and text.isdigit() and len(text) < 12 and least <= int(text) <= most):
            raise argparse.ArgumentTypeError(f"'{text}': expected a number from {least} to {most}")
        return int(text)
    return parse


def model_file(text):
    if text.startswith("made:"):
        whole(1, 10**6)(text[5:])
    elif text != "built-in" and Path(text).suffix not in (".json", ".model", ".gguf"):
        raise argparse.ArgumentTypeError(f"'{text}': expected built-in, made:N, or a file that ends in .json, .model or .gguf")
    return text


class Parser(argparse.ArgumentParser):
    def error(self, message):
        die(USAGE, message)


def parse():
    p = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    p.add_argument("models", nargs="*", type=model_file, metavar="MODEL")
    p.add_argument("--texts", type=whole(1, 10**9), default=20000, metavar="N", help="for each model (default: 20000)")
    p.add_argument("--seed", type=whole(0, 10**9), default=1, metavar="N")
    p.add_argument("--batch", type=whole(1, 10**6), default=20000, metavar="N", help="texts a call of a program")
    p.add_argument("--llama-tokenize", metavar="PROGRAM", help="llama.cpp: see above")
    p.add_argument("--ridgeline", metavar="FILE", default=str(ROOT / "build/release/tools/ridgeline"))
    p.add_argument("--bench", metavar="FILE", default=str(ROOT / "build/release/micro/bench_tokenizer"))
    args = p.parse_args()
    for what in [args.ridgeline, args.bench] + [args.llama_tokenize] * bool(args.llama_tokenize):
        if not (os.access(what, os.X_OK) and Path(what).is_file()):
            die(USAGE, f"no program at {what}")
    for model in args.models:
        if model != "built-in" and not model.startswith("made:") and not Path(model).is_file():
            die(USAGE, f"{model}: no such file")
    return args


def need(package):
    try:
        __import__(package)
    except ImportError:
        die(UNAVAILABLE, f"the Python package `{package}` is not installed: `tools/tokenizer_baseline.py --install` puts it into "
                         "build/tokenizer-venv, whose bin/python then runs this script")


def main():
    args = parse()
    os.environ.update(RAYON_NUM_THREADS="1", TOKENIZERS_PARALLELISM="false")
    need("tokenizers")
    need("sentencepiece")
    base, total, different = load_baseline(), 0, 0
    for model in args.models or ["built-in"]:
        start = time.monotonic()
        count = int(model[5:]) if model.startswith("made:") else 0
        for c in compare_made(args, count, base) if count else compare_model(args, model, base):
            print(f"{c.name}: {c.n_texts} texts, {c.n_bytes} bytes, {c.n_different} differences", flush=True)
            total += c.n_texts
            different += c.n_different
        print(f"{Path(model).name}: {time.monotonic() - start:.0f} s", flush=True)
    print(f"{total} texts compared, {different} differences")
    sys.exit(FAILED if different else 0)


if __name__ == "__main__":
    main()
