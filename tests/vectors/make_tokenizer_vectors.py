#!/usr/bin/env python3
"""make_tokenizer_vectors.py - writes tokenizer.txt: texts, and the ids that SentencePiece gives for them.

Oracles: the `sentencepiece` package (0.2) with the built-in vocabulary (e2e/vocab/ridgeline-32k.txt) and with
small random vocabularies that have user-defined and unused pieces, ties, or no byte pieces; and, for special
pieces spelled out in the text, `llama-cpp-python` with parse_special on a GGUF file of the same vocabulary.
Needs sentencepiece, protobuf, gguf, llama-cpp-python.

The file: one record a line, fields separated by tabs; bytes outside 0x21..0x7e and backslashes are \\xNN.
    vocab <name> <add_space_prefix> <byte pieces>   starts a vocabulary; "builtin" is the one of the program
    piece <type> <score> <text>                     its pieces in order of ids; byte pieces come after these
    case <text> <ids>                               encoding without bos and eos
    special <text> <ids>                            encoding where control pieces in the text are found
    decode <ids> <text>                             decoding without control pieces
"""
import random
import tempfile
from pathlib import Path

import sentencepiece as spm
from sentencepiece import sentencepiece_model_pb2 as pb

HERE = Path(__file__).resolve().parent
LISTED = (HERE / "../../e2e/vocab/ridgeline-32k.txt").read_text(encoding="utf-8").split("\n")[:-1]
KIND = pb.ModelProto.SentencePiece
NORMAL, UNKNOWN, CONTROL, USER, UNUSED, BYTE = 1, 2, 3, 4, 5, 6
BYTE_PIECES = [(BYTE, 0.0, f"<0x{b:02X}>") for b in range(256)]


def model_of(pieces, prefix):
    model = pb.ModelProto()
    model.trainer_spec.model_type = pb.TrainerSpec.BPE
    model.trainer_spec.byte_fallback = any(kind == BYTE for kind, _, _ in pieces)
    model.normalizer_spec.name = "identity"
    model.normalizer_spec.add_dummy_prefix = prefix
    model.normalizer_spec.remove_extra_whitespaces = False
    for kind, score, text in pieces:
        model.pieces.add(piece=text, score=score, type=kind)
    return spm.SentencePieceProcessor(model_proto=model.SerializeToString())


def escaped(data):
    if isinstance(data, str):
        data = data.encode()
    return "".join(chr(b) if 0x21 <= b <= 0x7e and b != 0x5c else f"\\x{b:02x}" for b in data)


def joined(ids):
    return " ".join(map(str, ids))


BUILTIN = [(UNKNOWN, 0.0, "<unk>"), (CONTROL, 0.0, "<s>"), (CONTROL, 0.0, "</s>"), *BYTE_PIECES,
           *[(NORMAL, -float(i), piece) for i, piece in enumerate(LISTED)]]

HARD = [
    b"", b" ", b"  ", b"   ", b" Hello", b"  Hello", b"Hello ", b"Hello  ", b"Hello   world", b"\n", b"\n\n",
    b"\t",
    b"\t\tx\n", b" \n \n", b"a\0b", b"\0", b"\0\0\0", b"x\xe2\x96\x81y", b"\xe2\x96\x81",
    b"\xe2\x96\x81 \xe2\x96\x81",
    b"\xff", b"\xff\xfe", b"\xc3A", b"\xe2 A", b"\xe2\x96", b"\xe2\x96 ", b"\xed\xa0\x80", b"\xed\xbf\xbf",
    b"\xc0\x80",
    b"\xc1\xbf", b"\xe0\x80\x80", b"\xe0\x9f\xbf", b"\xf0\x80\x80\x80", b"\xf0\x8f\xbf\xbf",
    b"\xf4\x90\x80\x80",
    b"\xf5\x80\x80\x80", b"\xf4\x8f\xbf\xbf", b"\xf0\x9f\xa6", b"\xf0\x9f\xa6x", b"\x80\x80", b"a\x80b",
    b"\xef\xbf\xbd",
    b"\xef\xbf\xbf", b"\xef\xbb\xbf", b"abc\xe4\xb8", b"<s>", b"</s>", b"<unk>", b"<0x41>", b"a</s>b",
]
HARD += [text.encode() for text in (
    "Hello, world!", " grabbed", " " * 11 + "grabbed", "ax\n####\nboo", "镇", "🦙Ꙋ", "👩‍👩‍👧‍👦", "é", "e\u0301",
    "ﬁ", "Ⅷ", "\u00a0", "\u3000", "a\u200bb",
    "1234567890", "3.14159e-10", "0x7fff", "2026-11-22T03:15:00Z", "naïve café", "Straße", "ΑΒΓ αβγ",
    "Привет, мир", "שלום עולם", "مرحبا بالعالم",
    "नमस्ते दुनिया", "你好，世界", "こんにちは世界", "안녕하세요", "ไทย", "𝕳𝖊𝖑𝖑𝖔", "\U0010ffff", "\U00010000", "\uffff",
    "\ud7ff\ue000",
    "int main(void)\n{\n    return 0;\n}\n", "def f(x):\n\treturn x  # tab",
    '{"a": [1, 2.5, null], "b": "\\u00e9"}', "<a href=\"x\">y</a>",
    "for i in $(seq 1 10); do echo \"$i\"; done", "https://example.org/a?b=c&d=%20", "CamelCaseAndsnake_case",
    "ALL CAPS TEXT", "don't can't won't",
    "....", "-" * 40, "=" * 33, "a" * 100, "ab" * 50, "aab" * 33, "\n" * 20, "é" * 20, "中" * 20)]
HARD += [b" " * n for n in (4, 15, 16, 17, 18, 31, 32, 33, 34, 47, 48, 49, 64, 65)]
HARD += [b" " * n + b"the" for n in (1, 2, 3, 15, 16, 17, 18, 33)]
HARD += [b"the" + b" " * n for n in (1, 2, 16, 17, 33)]


def random_text(rng):
    style = rng.randrange(7)
    if style == 0:
        return "".join(rng.choice(LISTED) for _ in range(rng.randint(1, 6))).replace("\u2581", " ").encode()
    if style == 1:
        return "".join(rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(rng.randint(1, 40))).encode()
    if style == 2:
        return "".join(chr(rng.choice([c for c in range(rng.choice([0x20, 0x100, 0x400, 0x4e00, 0x1f300,
        0xac00]),
                                                        0x20000) if not 0xd800 <= c < 0xe000][:300]))
                       for _ in range(rng.randint(1, 12))).encode()
    if style == 3:
        return bytes(rng.randrange(256) for _ in range(rng.randint(1, 10)))
    if style == 4:
        return (rng.choice("aeot -=.\n") * rng.randint(1, 60)).encode()
    if style == 5:
        return "".join(rng.choice(["the", " ", "  ", "\n", "\t", "in", "ing", "er", "7", ".", ",", "the "])
                       for _ in range(rng.randint(1, 14))).encode()
    return bytes(rng.choice(b"\xe2\x96\x81 \xef\xbf\xbdab\xc3\xa9") for _ in range(rng.randint(1, 14)))


SPECIAL = ["a</s>b", "a </s> b", "<s>Hello", "<s> Hello", "</s></s>", "a<unk>b", "</s> ", " </s>",
           "  </s>  x", "<s>a</s>\n<s>b</s>",
           "<|user|>\nHi</s>\n<|assistant|>\n", "</s", "<<s>>", "</s>\n", "x</s>", "s>", "<s", ""]


def special_ids(texts):
    """llama.cpp on a GGUF file of the built-in vocabulary."""
    import gguf
    import llama_cpp
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "vocab.gguf"
        writer = gguf.GGUFWriter(path, "llama")
        for add in (writer.add_context_length, writer.add_embedding_length, writer.add_block_count,
                    writer.add_feed_forward_length, writer.add_head_count):
            add(1)
        writer.add_layer_norm_rms_eps(1e-5)
        writer.add_tokenizer_model("llama")
        writer.add_tokenizer_pre("default")
        writer.add_token_list([text.encode() for _, _, text in BUILTIN])
        writer.add_token_scores([score for _, score, _ in BUILTIN])
        writer.add_token_types([kind for kind, _, _ in BUILTIN])
        writer.add_bos_token_id(1)
        writer.add_eos_token_id(2)
        writer.add_unk_token_id(0)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.close()
        model = llama_cpp.Llama(model_path=str(path), vocab_only=True, verbose=False)
        return [model.tokenize(text.encode(), add_bos=False, special=True) for text in texts]


def small_vocabulary(rng):
    """Pieces over a few characters, put together from each other, so that many merges compete."""
    alphabet = rng.choice(["ab", "abc", "abcd\u2581", "a\u2581", "ab\u00e9\u4e2d\u2581"])
    listed, parts = [], list(alphabet)
    for _ in range(rng.choice([12, 30, 60])):
        parts.append((rng.choice(parts) + rng.choice(parts))[:8])
    for text in parts:
        if text not in listed and rng.random() < 0.9:
            listed.append(text)
    rng.shuffle(listed)
    kinds = rng.choice([[NORMAL], [NORMAL, NORMAL, NORMAL, UNUSED], [NORMAL, NORMAL, NORMAL, NORMAL, USER],
                        [NORMAL, NORMAL, NORMAL, NORMAL, UNUSED, USER]])
    levels = rng.choice([2, 5, 1000])
    pieces = [(UNKNOWN, 0.0, "<unk>"), (CONTROL, 0.0, "<s>"), (CONTROL, 0.0, "</s>")]
    pieces += [(rng.choice(kinds), 0.0 - rng.randrange(levels), text) for text in listed]
    if len({score for kind, score, text in pieces if kind == NORMAL and len(text) > 1}) < 2:
        return small_vocabulary(rng)  # refused: scores that say nothing
    return pieces, alphabet


def small_text(rng, alphabet):
    letters = alphabet.replace("\u2581", " ") + rng.choice(["", "", "x", " "])
    text = "".join(rng.choice(letters) for _ in range(rng.randint(1, 24))).encode()
    return text if rng.random() < 0.9 else text + b"\xff\xe4" + text


def decode_records(rng, model, n_pieces, n):
    for _ in range(n):
        ids = [rng.randrange(n_pieces) for _ in range(rng.randint(1, 6))]
        if rng.random() < 0.3:
            ids.insert(0, 1)
        text = model.decode(ids)
        if "\ufffd" not in text:  # bytes that are no UTF-8: SentencePiece replaces them,
        decoding here does not
            yield f"decode\t{joined(ids)}\t{escaped(text)}"


def main():
    rng = random.Random(20261122)
    model = model_of(BUILTIN, True)
    out = ["vocab\tbuiltin\t1\t1"]
    for text in HARD + [random_text(rng) for _ in range(240)]:
        out.append(f"case\t{escaped(text)}\t{joined(model.encode(text))}")
    for text, ids in zip(SPECIAL, special_ids(SPECIAL)):
        out.append(f"special\t{escaped(text)}\t{joined(ids)}")
    out += decode_records(rng, model, len(BUILTIN), 40)
    for i in range(24):
        pieces, alphabet = small_vocabulary(rng)
        prefix, has_bytes = rng.random() < 0.7, rng.random() < 0.6
        out.append(f"vocab\tsmall-{i}\t{int(prefix)}\t{int(has_bytes)}")
        out += [f"piece\t{kind}\t{score:g}\t{escaped(text)}" for kind, score, text in pieces]
        model = model_of(pieces + (BYTE_PIECES if has_bytes else []), prefix)
        for _ in range(16):
            text = small_text(rng, alphabet)
            out.append(f"case\t{escaped(text)}\t{joined(model.encode(text))}")
        out += decode_records(rng, model, len(pieces), 8)
    (HERE / "tokenizer.txt").write_text("\n".join(out) + "\n")


if __name__ == "__main__":
    main()
