#!/usr/bin/env python3
"""train_vocab.py - makes ridgeline-32k.txt: a SentencePiece BPE vocabulary of our own, from free texts.

The texts come out of Debian packages (SOURCES below names packages, licences and files), so anyone on Debian
can get the same bytes with the ordinary client. Same package versions, same sentencepiece: same vocabulary.

    train_vocab.py --packages DIR --fetch      # `apt-get download` into DIR what is not there yet, then train
    train_vocab.py --packages DIR              # train from the .deb files in DIR

Writes, beside this script, ridgeline-32k.txt (the vocabulary) and sources.tsv (every package with version,
licence, files, bytes and a SHA-256 over them), and prints bytes per token on text that was held out: one line
in HELD_OUT of every source, and the whole of the sources marked "unseen".
Needs Debian 12 (the package names are its), the Python packages sentencepiece 0.2 and protobuf, 2 GB
of memory and some minutes.
"""
import argparse
import fnmatch
import gettext
import gzip
import hashlib
import html
import io
import re
import struct
import subprocess
import tarfile
import tempfile
import zlib
from pathlib import Path
from typing import NamedTuple

PIECES = 32000
FIRST = 259          # 0 <unk>, 1 <s>, 2 </s>, 3..258 the bytes
LONGEST_RUN = 16     # pieces of 2..16 spaces
HELD_OUT = 100       # one line in so many is kept out of training
HERE = Path(__file__).resolve().parent


# Readers: bytes of a file -> lines of text.

def read_text(data):
    return data.decode("utf-8", "replace").split("\n")


def read_markup(data):
    """HTML, XML and OSIS: the text between the tags, one line a block."""
    text = data.decode("utf-8", "replace")
    text = re.sub(r"(?is)<(script|style|head|header|footer|nav|info)\b.*?</\1\s*>", "\n", text)
    text = re.sub(r"\s+", " ", text)
    text = re.sub(r"(?i)</?(p|div|li|ul|ol|h\d|td|th|tr|table|pre|br|hr|dt|dd|title|desc|item|section|verse)\b"
                  r"[^>]*>", "\n", text)
    return [line.strip() for line in html.unescape(re.sub(r"<[^>]*>", "", text)).split("\n")]


def read_sword(data):
    """A SWORD module's compressed text; `data` is its blocks, joined and already inflated (see files_of)."""
    return read_markup(re.sub(rb"\0", b"\n", data))


def read_catalogue(data):
    """The translations of a gettext .mo file; the mark before an access key goes."""
    catalogue = gettext.GNUTranslations(io.BytesIO(data))._catalog
    return [line.replace("~", "") for key, text in sorted(catalogue.items(), key=str) if key
            for line in text.split("\n")]


class Source(NamedTuple):
    package: str
    licence: str
    kind: str        # en, lang, code; unseen: English prose that is only measured
    megabytes: float # at most so much is used, lines picked evenly
    pattern: str     # files of the package, * matching / as well; "a.tar.xz!*.c" reads inside an archive
    reader: object


def translated(package, licence, pattern, reader, megabytes_by_language):
    return [Source(package, licence, "lang", mb, pattern.format(lang), reader)
            for lang, mb in megabytes_by_language.items()]


PD, GPL2, MPL2, BY_SA = "public domain", "GPL-2+", "MPL-2.0", "CC-BY-SA-3.0"
DOC = "usr/share/doc/"

SOURCES = [
    Source("sword-comm-tdavid", PD, "en", 6, "*.?zz", read_sword),
    Source("sword-comm-mhcc", PD, "en", 4, "*.?zz", read_sword),
    Source("sword-text-web", PD, "en", 4, "*.?zz", read_sword),
    Source("anarchism", "GPL-2", "en", 9, DOC + "anarchism/markdown/*.md.gz", read_text),
    Source("dict-gcide", GPL2, "en", 9, "*/gcide.dict.dz", read_text),
    Source("debian-handbook", GPL2 + " or " + BY_SA, "en", 2, "*/html/en-US/*.html", read_markup),
    Source("gnome-user-docs", BY_SA, "en", 2, "usr/share/help/C/*.page", read_markup),
    Source("sqlite3-doc", PD, "en", 4, "*.html", read_markup),
    Source("linux-doc-6.1", "GPL-2", "en", 7, "*/html/_sources/*.rst.txt*", read_text),
    Source("python3.11-doc", "PSF-2.0", "en", 5, "*/_sources/*.rst.txt*", read_text),
    Source("postgresql-doc-15", "PostgreSQL", "en", 4, "*.html", read_markup),
    Source("git-doc", "GPL-2", "en", 1.5, "*.txt*", read_text),
    Source("perl-doc", "Artistic or GPL-1+", "en", 2, "*/pod/*.pod", read_text),
    Source("dict-devil", PD, "unseen", 1, "*/devil.dict.dz", read_text),
    Source("jargon-text", PD, "unseen", 2, "*/jargon.txt.gz", read_text),
    *translated("gnome-user-docs", BY_SA, "usr/share/help/{}/*.page", read_markup, {
        "de": 1, "fr": 1, "es": 1, "it": 1, "pt": 0.5, "pt_BR": 0.5, "nl": 1, "pl": 1, "cs": 1, "sv": 1, "da": 1,
        "hu": 1, "fi": 1, "ca": 1, "hr": 1, "sl": 1, "lv": 1, "id": 1, "ru": 1, "uk": 1, "sr": 1, "el": 1,
        "ja": 1, "ko": 1, "zh_CN": 1}),
    *translated("debian-handbook", GPL2 + " or " + BY_SA, "*/html/{}/*.html", read_markup, {
        "de-DE": 1.5, "fr-FR": 1.5, "es-ES": 1, "it-IT": 1.5, "pt-BR": 1.2, "nl-NL": 1, "pl-PL": 1, "nb-NO": 0.6,
        "sv-SE": 0.5, "tr-TR": 0.5, "vi-VN": 0.3, "ru-RU": 1.5, "el-GR": 0.6, "ar-MA": 1.5, "fa-IR": 0.3,
        "ja-JP": 1.5, "ko-KR": 0.8, "zh-CN": 1.5, "zh-TW": 0.6}),
    Source("sword-text-sparv", PD, "lang", 1.5, "*.?zz", read_sword),
    *[Source("libreoffice-help-" + lang, MPL2, "lang", mb, "*/text/*.html", read_markup)
      for lang, mb in {"el": 1, "hi": 1.2, "ja": 1.2, "ko": 1, "ru": 1, "tr": 1, "vi": 1, "zh-cn": 1,
                          "zh-tw": 0.6}.items()],
    Source("libreoffice-l10n-ar", MPL2, "lang", 1, "*.mo", read_catalogue),
    Source("libreoffice-l10n-he", MPL2, "lang", 1, "*.mo", read_catalogue),
    *[Source("glibc-source", "LGPL-2.1+", "code", 1, f"*/glibc-2.36.tar.xz!*/{part}/*.[ch]", read_text)
      for part in ("elf", "iconv", "locale", "malloc", "misc", "nptl", "posix", "resolv", "stdio-common", "string",
                   "time", "unix/sysv/linux")],
    Source("glibc-source", "LGPL-2.1+", "code", 0.5, "*/glibc-2.36.tar.xz!*.sh", read_text),
    Source("libpython3.11-stdlib", "PSF-2.0", "code", 5, "usr/lib/python3.11/*.py", read_text),
    Source("perl-modules-5.36", "Artistic or GPL-1+", "code", 1, "*.pm", read_text),
    Source("bash-completion", GPL2, "code", 0.6, "usr/share/bash-completion/completions/*", read_text),
    Source("iso-codes", "LGPL-2.1+", "code", 0.6, "*/json/*.json", read_text),
    Source("iso-codes", "LGPL-2.1+", "code", 0.3, "*/xml/iso-codes/*.xml", read_text),
    Source("shared-mime-info", GPL2, "code", 0.5, "*/freedesktop.org.xml", read_text),
    Source("sqlite3-doc", PD, "code", 1, "*.html", read_text),
]


def fetch(packages, directory):
    missing = [p for p in packages if not list(directory.glob(p + "_*.deb"))]
    if missing:
        subprocess.run(["apt-get", "download", *missing], cwd=directory, check=True)


def unpack(package, directory, cache):
    """Where the package's files lie and its version. Exactly one version may be in the directory."""
    if package not in cache:
        debs = list(directory.glob(package + "_*.deb"))
        if len(debs) != 1:
            raise SystemExit(f"{directory}: {len(debs)} files {package}_*.deb, one expected (see --fetch)")
        root = Path(tempfile.mkdtemp(prefix=package + "-"))
        subprocess.run(["dpkg-deb", "-x", debs[0], root], check=True)
        version = subprocess.run(["dpkg-deb", "-f", debs[0], "Version"], check=True, capture_output=True,
                                 text=True).stdout.strip()
        cache[package] = root, version
    return cache[package]


def inflate_sword(path):
    """The blocks of x.?zz as the index x.?zs lists them: offset, size, size inflated, each 32 bits."""
    blocks, index = path.read_bytes(), path.with_suffix(path.suffix[:-1] + "s").read_bytes()
    return b"\n".join(zlib.decompress(blocks[at:at + size]) for at, size, _ in struct.iter_unpack("<III", index))


def files_of(source, root):
    """(name, bytes) of every file the pattern names, sorted by name."""
    outer, _, inner = source.pattern.partition("!")
    names = sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file() and not p.is_symlink())
    for name in fnmatch.filter(names, outer):
        path = root / name
        if inner:
            with tarfile.open(path) as archive:
                for member in sorted(archive.getmembers(), key=lambda m: m.name):
                    if member.isfile() and fnmatch.fnmatchcase(member.name, inner):
                        yield member.name, archive.extractfile(member).read()
        elif source.reader is read_sword:
            yield name, inflate_sword(path)
        elif name.endswith((".gz", ".dz")):
            yield name, gzip.decompress(path.read_bytes())
        else:
            yield name, path.read_bytes()


NOT_TEXT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2581\u200b-\u200f\u2028-\u202e\ufeff\ufffd\ue000-\uf8ff]")


def lines_of(source, root, seen):
    """The source's lines, none twice in the whole corpus, thinned evenly to its share. Also its statistics."""
    lines, digest, n_files, n_bytes = [], hashlib.sha256(), 0, 0
    for name, data in files_of(source, root):
        n_files, n_bytes = n_files + 1, n_bytes + len(data)
        digest.update(name.encode() + b"\0" + hashlib.sha256(data).digest())
        for line in source.reader(data):
            line = line.replace("\t", " ").replace("\xa0", " ").rstrip()
            key = line.strip().encode()
            if len(key) > 1 and key not in seen and not NOT_TEXT.search(line):
                seen.add(key)
                lines.append((zlib.crc32(key), line))
    if n_files == 0:
        raise SystemExit(f"{source.package}: no file matches {source.pattern}")
    total = sum(len(line.encode()) for _, line in lines)
    share = min(1.0, source.megabytes * 1e6 / max(total, 1)) * 2**32
    return [(crc, line) for crc, line in lines if crc < share], n_files, n_bytes, digest.hexdigest()


def gather(directory):
    """Training lines, held-out lines by source, and the table of sources."""
    training, held, table, seen, cache = [], {}, [], set(), {}
    for source in SOURCES:
        root, version = unpack(source.package, directory, cache)
        lines, n_files, n_bytes, digest = lines_of(source, root, seen)
        kept = [] if source.kind == "unseen" else [line for crc, line in lines if crc % HELD_OUT != 0]
        out = [line for crc, line in lines if source.kind == "unseen" or crc % HELD_OUT == 0]
        training += kept
        held[source.kind, source.package, source.pattern] = out
        used = sum(len(line.encode()) for line in kept)
        table.append((source.kind, source.package, version, source.licence, source.pattern, n_files, n_bytes, used,
                      digest))
        print(f"{source.kind:7}{source.package:24}{source.pattern:46}{n_files:6} files, {used / 1e6:6.2f} MB used",
              flush=True)
    for root, _ in cache.values():
        subprocess.run(["rm", "-rf", root], check=True)
    return training, held, table


def train(lines, prefix):
    """Trains like Llama's vocabulary. Runs of spaces are no part of training: every space begins a word."""
    import sentencepiece as spm
    corpus = Path(str(prefix) + ".corpus")
    corpus.write_text("\n".join(lines) + "\n", encoding="utf-8")
    spm.SentencePieceTrainer.train(
        input=str(corpus), model_prefix=str(prefix), model_type="bpe", vocab_size=PIECES - (LONGEST_RUN - 1),
        byte_fallback=True, split_digits=True, normalization_rule_name="identity", add_dummy_prefix=True,
        remove_extra_whitespaces=False, allow_whitespace_only_pieces=False, character_coverage=0.9997,
        required_chars="\ufffd" + "".join(map(chr, range(0x21, 0x7f))), max_sentence_length=1 << 16,
        unk_id=0, bos_id=1, eos_id=2, pad_id=-1, num_threads=1, minloglevel=2)
    corpus.unlink()
    model = spm.SentencePieceProcessor(model_file=str(prefix) + ".model")
    return [model.id_to_piece(i) for i in range(FIRST, model.get_piece_size())]


def with_runs(pieces):
    """Adds the runs of spaces as Llama has them: below every merge with a letter, so that the last space of a
    run joins its word; longer above shorter, so that a run is cut from the left in pieces of 16. The single
    characters, which no merge makes, stay last."""
    merges = [p for p in pieces if len(p) > 1]
    runs = ["\u2581" * n for n in range(LONGEST_RUN, 1, -1)]
    return merges + runs + [p for p in pieces if len(p) == 1]


def model_of(pieces):
    """The vocabulary as a SentencePiece model, for measuring."""
    import sentencepiece as spm
    from sentencepiece import sentencepiece_model_pb2 as pb
    model = pb.ModelProto()
    model.trainer_spec.model_type, model.trainer_spec.byte_fallback = pb.TrainerSpec.BPE, True
    model.normalizer_spec.name, model.normalizer_spec.remove_extra_whitespaces = "identity", False
    kind = pb.ModelProto.SentencePiece
    special = [("<unk>", kind.UNKNOWN), ("<s>", kind.CONTROL), ("</s>", kind.CONTROL)]
    special += [(f"<0x{b:02X}>", kind.BYTE) for b in range(256)]
    for piece, type_ in special:
        model.pieces.add(piece=piece, score=0, type=type_)
    for i, piece in enumerate(pieces):
        model.pieces.add(piece=piece, score=-i)
    return spm.SentencePieceProcessor(model_proto=model.SerializeToString())


def report(pieces, held):
    model, sums = model_of(pieces), {}
    for (kind, package, _), lines in held.items():
        n_bytes = sum(len(line.encode()) for line in lines)
        n_tokens = sum(len(model.encode(line)) for line in lines)
        for key in (f"all {kind}", f"{kind} {package}"):
            old = sums.get(key, (0, 0))
            sums[key] = old[0] + n_bytes, old[1] + n_tokens
    for key, (n_bytes, n_tokens) in sorted(sums.items()):
        print(f"{n_bytes / max(n_tokens, 1):6.3f} bytes per token over {n_bytes / 1e3:8.1f} kB held out: {key}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--packages", type=Path, required=True, help="directory of .deb files")
    parser.add_argument("--fetch", action="store_true", help="download missing packages with apt-get")
    args = parser.parse_args()
    if args.fetch:
        args.packages.mkdir(parents=True, exist_ok=True)
        fetch(sorted({s.package for s in SOURCES}), args.packages)
    training, held, table = gather(args.packages)
    with tempfile.TemporaryDirectory() as scratch:
        pieces = with_runs(train(training, Path(scratch) / "model"))
    assert len(pieces) == PIECES - FIRST and len(set(pieces)) == len(pieces)
    assert not any(re.search("[\x00-\x20\x7f-\xa0]", piece) for piece in pieces)
    (HERE / "ridgeline-32k.txt").write_text("\n".join(pieces) + "\n", encoding="utf-8")
    head = "kind\tpackage\tversion\tlicence\tfiles named\tfiles\tbytes\tbytes used\tsha256 of names and contents\n"
    (HERE / "sources.tsv").write_text(head + "".join("\t".join(map(str, row)) + "\n" for row in table))
    report(pieces, held)


if __name__ == "__main__":
    main()
