#!/usr/bin/env python3
"""tokenizer_baseline.py - other tokenizers on the texts of bench_tokenizer, as CSV: what the lane compares ours with.

    tools/tokenizer_baseline.py --install            # tokenizers and sentencepiece, into build/tokenizer-venv
    tools/tokenizer_baseline.py [--bench=FILE] [--model=FILE] [--benchmark_out=FILE]

Engines: Hugging Face's `tokenizers`; `sentencepiece` and `llama_cpp` (of a GGUF file) where they can be imported.
bench_tokenizer writes texts, ids and vocabulary (--dump-corpus). The ids of every text are compared first, ours with each
engine's; where one differs its row fails, nothing is timed, and the exit status is 1. The vocabulary of the engines is
--model where they can read it, else it is built from the dumped pieces: for `tokenizers` BPE with byte fallback, merges
ordered by score, normalizer Prepend and Replace, special pieces as added tokens that are not normalized.

Timed, in nanoseconds a text: whole passes over the texts of a row, until --min-time is used up. Of `tokenizers` one call
of encode() a text, or one of encode_batch() or encode_batch_fast() for all of them, whichever is fastest on the
first 32 KB of texts: the label names it. No list of ids is made inside of the timed window (`sentencepiece`
and `llama_cpp` have no call without one). "cold": the cache of words is emptied before each pass (which texts of 256 bytes and
more never use). One thread (RAYON_NUM_THREADS=1, TOKENIZERS_PARALLELISM=false), but for rows of batches, ".../threads:N", each
in a process of its own. Names are tokenizer/hf/<corpus>/<size>/cold and so on; sizes as bench_tokenizer's.

Exit status: 0; 1 where ids differ or something failed; 64 bad usage; 69 where a package is missing: the last line says
which, and what to do. That, --launch, --columns-from and the like are a companion's part (tools/companion.h)."""
import argparse
import array
import csv
import gc
import io
import json
import os
import re
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path

HERE = Path(__file__).resolve().parent
SIZES = [64, 1024, 10240, 1 << 20]
CORPORA = ["english", "mixed", "code", "json", "chat", "letters", "base64", "dna", "repeat", "spaces"]
PART = 128 << 10  # what texts shorter than a corpus are cut from
BATCHES = [("english", 10240), ("chat", 1024)]
PACKAGES = ["tokenizers>=0.23,<0.24", "sentencepiece>=0.2,<0.3"]
FAILED, USAGE, UNAVAILABLE = 1, 64, 69
NORMAL, UNKNOWN, CONTROL, BYTE = 1, 2, 3, 6
HEADER = ["name", "iterations", "real_time", "cpu_time", "time_unit", "bytes_per_second", "items_per_second", "label",
          "error_occurred", "error_message", "launch", "repetition", "threads", "contaminated", "ids_per_second",
          "ids_per_text", "s_per_byte"]


def die(code, text):
    print(f"tokenizer_baseline.py: {text}", file=sys.stderr)
    sys.exit(code)


# ---- The packages --------------------------------------------------------------------------------------------

def venvs(asked):
    """Where a virtual environment may be: as asked, or build/tokenizer-venv as seen from tools/ or build/<preset>/tools/."""
    return [Path(asked)] if asked else [HERE / "../build/tokenizer-venv", HERE / "../../tokenizer-venv"]


def install(asked):
    own = HERE / "../build" if (HERE / "../CMakeLists.txt").is_file() else HERE / "../.."
    where = Path(asked) if asked else own / "tokenizer-venv"
    for command in ([sys.executable, "-m", "venv", str(where)], [str(where / "bin/python"), "-m", "pip", "install", *PACKAGES]):
        if subprocess.run(command, check=False).returncode != 0:
            die(FAILED, f"failed: {' '.join(command)} (Debian's package python3-venv is needed)")
    print(f"installed into {where}")


def importable(name):
    try:
        return __import__(name)
    except ImportError:
        return None


def need_tokenizers(args):
    """In the environment with the package from here on, or no further."""
    if importable("tokenizers"):
        return
    for where in venvs(args.venv):
        python = where / "bin/python"
        if not args.in_venv and python.is_file():
            os.execv(python, [str(python), os.path.abspath(__file__), "--in-venv", *sys.argv[1:]])
    die(UNAVAILABLE, "the Python package `tokenizers` is not installed: "
                     "`tools/tokenizer_baseline.py --install` puts it into build/tokenizer-venv")


# ---- What bench_tokenizer has --------------------------------------------------------------------------------

def find_bench(asked):
    places = [asked] if asked else [HERE / "../micro/bench_tokenizer", HERE / "bench_tokenizer",
                                    HERE / "../build/release/micro/bench_tokenizer"]
    for place in places:
        if os.access(place, os.X_OK) and Path(place).is_file():
            return str(place)
    die(USAGE, f"no program bench_tokenizer at {places[0]}: say where with --bench=FILE")


def dump(args, into):
    command = [find_bench(args.bench), f"--dump-corpus={into}"] + ([f"--model={args.model}"] if args.model else [])
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace", check=False)
    if done.returncode != 0:
        die(FAILED, f"bench_tokenizer exited with status {done.returncode}: {done.stderr.strip()[-300:]}")


class Corpus:
    def __init__(self, where, name, size, crc, marked):
        self.where, self.name, self.crc, self.marked = where, name, crc, marked
        self.data = (where / f"{name}.txt").read_bytes()
        if len(self.data) != size or zlib.crc32(self.data) != int(crc, 16):
            die(FAILED, f"{where}/{name}.txt: {len(self.data)} bytes, CRC-32 {zlib.crc32(self.data):08x}; "
                        f"{size} bytes, {crc} expected")

    def texts(self, size):
        """Cut as rl_corpus_cut does: each one back to where a character begins."""
        end_of_all = len(self.data) if size >= len(self.data) else PART
        texts, at = [], 0
        while at + size <= end_of_all:
            end = at + size
            while at < end < len(self.data) and self.data[end] & 0xC0 == 0x80:
                end -= 1
            texts.append(self.data[at:end])
            at = end
        return texts

    def ids(self, size):
        words = array.array("I")
        words.frombytes((self.where / f"{self.name}.{size}.ids").read_bytes())
        if sys.byteorder == "big":
            words.byteswap()
        ids, at = [], 0
        while at < len(words):
            ids.append(words[at + 1:at + 1 + words[at]].tolist())
            at += 1 + words[at]
        return ids


def read_corpora(where):
    lines = [line.split("\t") for line in (where / "corpora.tsv").read_text().splitlines()]
    return {name: Corpus(where, name, int(size), crc, marked == "1") for name, size, crc, marked in lines}


def read_pieces(where):
    lines = (where / "pieces.tsv").read_text().splitlines()
    pieces = [(int(kind), float(score), bytes.fromhex(text).decode()) for kind, score, text in
              (line.split("\t") for line in lines[1:])]
    return lines[0].split("\t")[1] == "1", pieces


# ---- Engines: name, version, the ids of texts, and ways to encode them that are timed ------------------------

class Hf:
    name = "hf"

    def __init__(self, args, where):
        import tokenizers as tk
        self.version = f"tokenizers {tk.__version__}"
        if args.model and Path(args.model).suffix == ".json":
            self.tok = tk.Tokenizer.from_file(args.model)
        else:
            built = where / "hf.json"  # once for all processes
            if not built.is_file():
                self.build(tk, *read_pieces(where)).save(str(built))
            self.tok = tk.Tokenizer.from_file(str(built))
        self.forget = getattr(self.tok.model, "_clear_cache", None)

    @staticmethod
    def build(tk, prefix, pieces):
        ids = {text: i for i, (_, _, text) in enumerate(pieces)}
        normal = {text for kind, _, text in pieces if kind == NORMAL}
        merges = []
        for kind, score, text in pieces:
            if kind != NORMAL:
                continue
            splits = [(text[:i], text[i:]) for i in range(1, len(text)) if text[:i] in normal and text[i:] in normal]
            merges += [(-score, pair) for pair in sorted(splits, key=lambda p: (ids[p[0]], ids[p[1]]))]
        merges.sort(key=lambda m: m[0])
        unknown = next((text for kind, _, text in pieces if kind == UNKNOWN), None)
        tok = tk.Tokenizer(tk.models.BPE(ids, [pair for _, pair in merges], unk_token=unknown, fuse_unk=True,
                                         byte_fallback=any(kind == BYTE for kind, _, _ in pieces)))
        replace = tk.normalizers.Replace(" ", "\u2581")
        tok.normalizer = tk.normalizers.Sequence(([tk.normalizers.Prepend("\u2581")] if prefix else []) + [replace])
        tok.add_special_tokens([tk.AddedToken(text, normalized=False, special=True)
                                for kind, _, text in pieces if kind in (UNKNOWN, CONTROL)])
        return tok

    def can(self, corpus):
        return True

    def texts(self, texts):
        return [text.decode() for text in texts]

    def ids(self, texts):
        return [e.ids for e in self.tok.encode_batch(texts, add_special_tokens=False)]

    def ways(self):
        encode, batch = self.tok.encode, self.tok.encode_batch
        fast = getattr(self.tok, "encode_batch_fast", None)

        def one_by_one(texts):
            for text in texts:
                encode(text, add_special_tokens=False)
        ways = {"encode": one_by_one, "encode_batch": lambda texts: batch(texts, add_special_tokens=False)}
        if fast:
            ways["encode_batch_fast"] = lambda texts: fast(texts, add_special_tokens=False)
        return ways


def varint(n):
    out = b""
    while n > 127:
        out, n = out + bytes([n & 127 | 128]), n >> 7
    return out + bytes([n])


def field(number, value):
    """One of a protobuf message: an int or bool, a float, or bytes."""
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    if isinstance(value, int):
        return varint(number << 3) + varint(int(value))
    return varint(number << 3 | 2) + varint(len(value)) + value


class SentencePiece:
    name = "sentencepiece"

    def __init__(self, args, where):
        import sentencepiece as sp
        self.version = f"sentencepiece {sp.__version__}"
        self.forget = None
        if args.model and Path(args.model).suffix == ".model":
            self.tok = sp.SentencePieceProcessor(model_file=args.model)
        else:
            self.tok = sp.SentencePieceProcessor(model_proto=self.build(*read_pieces(where)))

    @staticmethod
    def build(prefix, pieces):
        """sentencepiece_model.proto: pieces; trainer_spec.model_type BPE, byte_fallback; normalizer_spec."""
        model = b"".join(field(1, field(1, text.encode()) + field(2, score) + field(3, kind)) for kind, score, text in pieces)
        model += field(2, field(3, 2) + field(35, any(kind == BYTE for kind, _, _ in pieces)))
        return model + field(3, field(1, b"identity") + field(3, prefix) + field(4, False))

    def can(self, corpus):
        return not corpus.marked  # it never finds control pieces in a text

    def texts(self, texts):
        return [text.decode() for text in texts]

    def ids(self, texts):
        return [self.tok.encode(text) for text in texts]

    def ways(self):
        encode = self.tok.encode

        def one_by_one(texts):
            for text in texts:
                encode(text)
        return {"encode": one_by_one}


class LlamaCpp:
    name = "llama.cpp"

    def __init__(self, args, where):
        import llama_cpp
        self.version = f"llama_cpp {llama_cpp.__version__}"
        self.forget = None
        self.tok = llama_cpp.Llama(model_path=args.model, vocab_only=True, verbose=False)

    def can(self, corpus):
        return True

    def texts(self, texts):
        return texts

    def ids(self, texts):
        return [self.tok.tokenize(text, add_bos=False, special=True) for text in texts]

    def ways(self):
        def one_by_one(texts):
            for text in texts:
                self.tok.tokenize(text, add_bos=False, special=True)
        return {"tokenize": one_by_one}


def engines(args, where):
    found = []
    for kind, package in ((Hf, "tokenizers"), (SentencePiece, "sentencepiece"), (LlamaCpp, "llama_cpp")):
        usable = kind is not LlamaCpp or (args.model and Path(args.model).suffix == ".gguf")
        if kind.name in args.engines and usable and importable(package):
            found.append(kind(args, where))
    return found


# ---- Measuring -----------------------------------------------------------------------------------------------

def difference(ours, theirs):
    """A sentence, or None."""
    if len(ours) != len(theirs):
        return f"{len(theirs)} texts, ours are {len(ours)}"
    for i, (a, b) in enumerate(zip(ours, theirs)):
        if a != b:
            at = next((k for k, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
            return f"other ids than ours in text {i} from id {at} on: {b[at:at + 3]} and {a[at:at + 3]}"
    return None


def fastest(engine, texts):
    sample, used = [], 0
    for text in texts:
        sample.append(text)
        used += len(text)
        if used >= 32 << 10:
            break
    times = {}
    for name, way in engine.ways().items():
        for _ in range(2):
            if engine.forget:
                engine.forget()
            start = time.perf_counter_ns()
            way(sample)
            times[name] = min(times.get(name, 1 << 62), time.perf_counter_ns() - start)
    return min(times, key=times.get)


def timed(engine, texts, min_time, way):
    """Passes, and the seconds (real, of the process) they took."""
    passes, real, cpu, run = 0, 0, 0, engine.ways()[way]
    gc.collect()
    gc.disable()
    while passes == 0 or real < min_time * 1e9:
        if engine.forget:
            engine.forget()
        start, start_cpu = time.perf_counter_ns(), time.process_time_ns()
        run(texts)
        cpu += time.process_time_ns() - start_cpu
        real += time.perf_counter_ns() - start
        passes += 1
    gc.enable()
    return passes, real * 1e-9, cpu * 1e-9


def row_name(engine, corpus, size, threads):
    return f"tokenizer/{engine}/{corpus}/{size}/" + (f"batch/threads:{threads}" if threads else "cold")


def cells(args, threads):
    """Corpus and size of what is measured on so many threads; 0 is one, and no batch."""
    if threads:
        return [(c, s) for c, s in BATCHES if c in args.corpora and s in args.sizes]
    return [(c, s) for c in args.corpora for s in args.sizes]


def measure(engine, corpora, args, threads):
    """Rows; in a process whose number of threads is set."""
    work = []
    for c, size in cells(args, threads):
        name = row_name(engine.name, c, size, threads)
        if re.search(args.benchmark_filter, name) and engine.can(corpora[c]):
            work.append((name, corpora[c], size))
    problems = {}
    for name, corpus, size in work:
        why = difference(corpus.ids(size), engine.ids(engine.texts(corpus.texts(size))))
        if why:
            problems[name] = why
    if problems:
        return [{"name": name, "error_occurred": "true",
                 "error_message": problems.get(name, f"not timed, for {len(problems)} rows have other ids than ours")}
                for name, _, _ in work]
    rows = []
    for name, corpus, size in work:
        data = corpus.texts(size)
        texts, n_bytes, n_ids = engine.texts(data), sum(map(len, data)), sum(map(len, corpus.ids(size)))
        way = fastest(engine, texts) if not threads else "encode_batch_fast" if "encode_batch_fast" in engine.ways() else "encode_batch"
        passes, real, cpu = timed(engine, texts, args.min_time, way)
        n = 1 if threads else len(texts)  # a batch is one iteration
        taken = not threads and cpu < 0.9 * real  # the CPU was somebody else's for a while
        forgets = ", cache emptied" if engine.forget else ""
        rows.append({"name": name, "iterations": passes * n, "real_time": real / passes / n * 1e9,
                     "cpu_time": cpu / passes / n * 1e9, "time_unit": "ns", "bytes_per_second": n_bytes * passes / real,
                     "label": f"{engine.version}; {way}{forgets}; {corpus.name} {corpus.crc}", "threads": threads or 1,
                     "contaminated": int(taken),
                     "ids_per_second": n_ids * passes / real, "ids_per_text": n_ids / n,
                     "s_per_byte": real / passes / n_bytes})
    return rows


def worker(args):
    where = Path(args.texts)
    corpora, rows = read_corpora(where), []
    for engine in engines(args, where):
        if args.worker == 0 or engine.name == "hf":
            rows += measure(engine, corpora, args, args.worker)
    json.dump(rows, sys.stdout)


def run_worker(args, threads, where):
    n = str(threads or 1)
    env = dict(os.environ, RAYON_NUM_THREADS=n, TOKENIZERS_PARALLELISM="true" if threads > 1 else "false")
    command = [sys.executable, os.path.abspath(__file__), *sys.argv[1:], f"--worker={threads}", f"--texts={where}"]
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        die(FAILED, f"a measuring process (threads {n}) exited with status {done.returncode}")
    return json.loads(done.stdout)


# ---- CSV -----------------------------------------------------------------------------------------------------

def header_of(path):
    if not path:
        return HEADER
    with open(path, newline="", encoding="ascii", errors="replace") as f:
        return next(csv.reader(f), [])


def write_csv(args, rows):
    columns = header_of(args.columns_from)
    missing = [c for c in HEADER[:3] if c not in columns]
    if missing:
        die(FAILED, f"{args.columns_from}: no column {missing[0]}: not a bench's CSV")
    text = io.StringIO()
    out = csv.writer(text, lineterminator="\n")
    out.writerow(columns)
    for row in rows:
        row = {"launch": args.launch, "repetition": 0, "contaminated": 0, **row}
        out.writerow([row.get(c, "") for c in columns])
    directory = os.path.dirname(os.path.abspath(args.benchmark_out))
    handle, temp = tempfile.mkstemp(dir=directory)
    with os.fdopen(handle, "w", newline="") as f:
        f.write(text.getvalue())
    os.chmod(temp, 0o644)
    os.replace(temp, args.benchmark_out)


def show(rows):
    for row in rows:
        if "error_message" in row:
            print(f"{row['name']:<52} {row['error_message']}")
        else:
            print(f"{row['name']:<52} {row['real_time']:>14.0f} ns {row['bytes_per_second'] * 1e-6:>8.2f} MB/s "
                  f"{row['ids_per_second'] * 1e-6:>8.3f} Mtok/s  {row['label']}")


# ---- The command ---------------------------------------------------------------------------------------------

def names_of(known):
    return lambda text: [known(item) for item in text.split(",")]


def one_of(kind, allowed):
    def parse(text):
        if kind(text) not in allowed:
            raise argparse.ArgumentTypeError(f"'{text}': expected some of {', '.join(map(str, allowed))}")
        return kind(text)
    return names_of(parse)


def positive(text):
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 256):
        raise argparse.ArgumentTypeError(f"'{text}': expected numbers from 1 to 256")
    return int(text)


def seconds(text):
    value = float(text)
    if not 0 < value <= 3600:
        raise argparse.ArgumentTypeError(f"'{text}': expected seconds, above 0 and up to 3600")
    return value


class Parser(argparse.ArgumentParser):
    def error(self, message):
        die(USAGE, message)


def parse():
    p = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    p.add_argument("--install", nargs="?", const="", metavar="DIR", help="make a virtual environment with the packages, and end")
    p.add_argument("--venv", metavar="DIR", help="a virtual environment that has them (default: build/tokenizer-venv)")
    p.add_argument("--bench", metavar="FILE", help="bench_tokenizer (default: of build/release)")
    p.add_argument("--model", metavar="FILE", help="GGUF, tokenizer.model or tokenizer.json (default: the built-in vocabulary)")
    p.add_argument("--engines", type=one_of(str, ["hf", "sentencepiece", "llama.cpp"]), default=["hf", "sentencepiece", "llama.cpp"])
    p.add_argument("--corpora", type=one_of(str, CORPORA), default=CORPORA)
    p.add_argument("--sizes", type=one_of(int, SIZES), default=SIZES)
    p.add_argument("--threads", type=names_of(positive), default=[1, os.cpu_count() or 1], help="of the batches")
    p.add_argument("--min-time", type=seconds, default=0.02, metavar="S", help="of each row, at least one pass")
    p.add_argument("--benchmark_out", metavar="FILE", help="the CSV (default: a table on standard output)")
    p.add_argument("--benchmark_out_format", choices=["csv"], default="csv")
    p.add_argument("--benchmark_filter", default="", metavar="ERE", help="only rows whose names it matches")
    p.add_argument("--columns-from", metavar="FILE", help="a CSV whose header to use")
    p.add_argument("--launch", type=int, default=1, metavar="N")
    p.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    p.add_argument("--texts", help=argparse.SUPPRESS)
    p.add_argument("--in-venv", action="store_true", help=argparse.SUPPRESS)
    args = p.parse_args()
    try:
        re.compile(args.benchmark_filter)
    except re.error as why:
        die(USAGE, f"--benchmark_filter '{args.benchmark_filter}': {why}")
    return args


def wanted(args, counts):
    """Is any row with so many threads asked for?"""
    names = [row_name(e, c, s, t) for e in args.engines for t in counts for c, s in cells(args, t)]
    return any(re.search(args.benchmark_filter, name) for name in names)


def main():
    args = parse()
    if args.install is not None:
        install(args.install)
        return
    if args.worker is not None:
        worker(args)
        return
    if not wanted(args, [0, *args.threads]):
        die(UNAVAILABLE, "none of its rows is asked for")
    need_tokenizers(args)
    with tempfile.TemporaryDirectory(prefix="tokenizer-baseline-") as temp:
        dump(args, temp)
        rows = []
        for threads in [t for t in [0, *dict.fromkeys(args.threads)] if wanted(args, [t])]:
            rows += run_worker(args, threads, temp)
    if args.benchmark_out:
        write_csv(args, rows)
    else:
        show(rows)
    if any(row.get("error_occurred") for row in rows):
        die(FAILED, "other ids than ours")


if __name__ == "__main__":
    main()
