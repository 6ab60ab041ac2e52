"""made_vocabulary.py - a small random vocabulary for tokenizer_differential.py, written as the three kinds of file.

Real vocabularies are alike: every piece can be merged, scores are their order, special pieces stand alone. These have ties,
pieces that no merge makes, user-defined and unused pieces that overlap, rules in an order of their own, no byte pieces."""
import json
import struct

NORMAL, UNKNOWN, CONTROL, USER, UNUSED, BYTE = 1, 2, 3, 4, 5, 6
MARK = "\u2581"
LETTERS = list("abcdeXY01.-\n<>/s") + ["\u00e9", "\u4e2d", "\U0001f999", "\ufffd", "\u0301"]


class Made:
    def __init__(self, rng):
        self.rng = rng
        self.letters = [MARK] * (rng.random() < 0.9) + rng.sample(LETTERS, rng.randint(2, 9))
        self.prefix, self.bos, self.eos = rng.random() < 0.8, rng.random() < 0.7, rng.random() < 0.2
        self.has_bytes = rng.random() < 0.8
        self.texts = self.normal_texts(rng.randint(3, 60))
        self.users = sorted({self.user_text() for _ in range(rng.choice([0, 0, 1, 2, 5]))} - set(self.texts))

    def word(self, most):
        return "".join(self.rng.choice(self.letters) for _ in range(self.rng.randint(1, most)))

    def normal_texts(self, n):
        """Letters, most of them; pieces put together from others; now and then one that nothing leads to."""
        texts = [c for c in self.letters if self.rng.random() < 0.9]
        for _ in range(n):
            joined = "".join(self.rng.choice(texts or self.letters) for _ in range(2))
            texts.append(self.word(6) if self.rng.random() < 0.1 else joined[:40])
        texts += ["aa", "ab"] if len(set(map(len, texts))) < 2 else []
        return list(dict.fromkeys(texts))

    def user_text(self):
        return self.rng.choice(["", "", MARK, "<"]) + self.word(4)

    def pieces(self, unused=False, user=True, texts=None):
        """(kind, score, text) by id, as SentencePiece and GGUF have them."""
        rng, ties, texts = self.rng, self.rng.choice([1, 1, 1, 3, 10]), texts or self.texts
        order = list(range(len(texts)))
        if rng.random() < 0.5:
            rng.shuffle(order)
        made = [(UNKNOWN, 0.0, "<unk>"), (CONTROL, 0.0, "<s>"), (CONTROL, 0.0, "</s>")]
        made += [(BYTE, 0.0, f"<0x{b:02X}>") for b in range(256)] * self.has_bytes
        for text, place in zip(texts, order):
            kind = UNUSED if unused and len(text) > 1 and rng.random() < 0.15 else NORMAL
            made.append((kind, -float(place // ties), text))
        many = {score for kind, score, text in made if kind == NORMAL and len(text) > 1}
        if len(many) < 2:  # scores that say nothing are refused
            made = [(kind, -float(i) if kind == NORMAL else score, text) for i, (kind, score, text) in enumerate(made)]
        return made + [(USER, rng.choice([0.0, -5.0]), text) for text in self.users] * user

    # ---- tokenizer.json ----

    def can_hide(self):
        """Whether a special piece and a user-defined one can overlap: where specials are to be text, `tokenizers` finds
        them all the same, and lets them go only then, so that they hide the other."""
        return any(c in text for text in self.users for c in "</s>")

    def added(self):
        rng = self.rng
        normalized = rng.random() < 0.3
        tokens = [(text, True) for text in ("<unk>", "<s>", "</s>")]
        tokens += [(text.replace(MARK, " ") if rng.random() < 0.5 else text, False) for text in self.users]
        return [{"content": text, "special": special, "normalized": normalized if special else rng.random() < 0.5} for text, special in tokens]

    def hf(self):
        """The text of tokenizer.json, and the pieces of it."""
        rng, pieces, added = self.rng, self.pieces(user=False), self.added()
        vocab = {text: i for i, (_, _, text) in enumerate(pieces)}
        rules = [(score, text[:i], text[i:]) for kind, score, text in pieces if kind == NORMAL for i in range(1, len(text))
                 if text[:i] in self.texts and text[i:] in self.texts]
        rules.sort(key=lambda rule: -rule[0])
        if rng.random() < 0.5:
            rng.shuffle(rules)
            rules = rules[:rng.randint(len(rules) // 2, len(rules))]
        tokens = []
        for token in added:
            token_id = vocab.get(token["content"], len(vocab) + sum(t["id"] >= len(vocab) for t in tokens))
            tokens.append({"id": token_id, "single_word": False, "lstrip": False, "rstrip": False, **token})
        replace = {"type": "Replace", "pattern": {"String": " "}, "content": MARK}
        prepend = {"type": "Prepend", "prepend": MARK}
        special = {name: {"SpecialToken": {"id": name, "type_id": 0}} for name in ("<s>", "</s>")}
        single = [special["<s>"]] * self.bos + [{"Sequence": {"id": "A", "type_id": 0}}] + [special["</s>"]] * self.eos
        used = {part["SpecialToken"]["id"] for part in single if "SpecialToken" in part}
        template = {"type": "TemplateProcessing", "single": single,
                    "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
                    "special_tokens": {name: {"id": name, "ids": [vocab[name]], "tokens": [name]} for name in sorted(used)}}
        model = {"type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None, "end_of_word_suffix": None,
                 "fuse_unk": True, "byte_fallback": self.has_bytes, "ignore_merges": False, "vocab": vocab,
                 "merges": [[left, right] for _, left, right in rules]}
        text = json.dumps({"version": "1.0", "truncation": None, "padding": None, "added_tokens": tokens,
                           "normalizer": {"type": "Sequence", "normalizers": [prepend, replace]} if self.prefix else replace,
                           "pre_tokenizer": None, "post_processor": template if used else None, "decoder": None, "model": model})
        return text, pieces + [(USER, 0.0, token["content"]) for token in tokens if not token["special"]]

    # ---- GGUF ----

    def gguf(self):
        """The bytes of such a file, and the pieces. Without unused pieces, which llama.cpp does not split again, and
        without those that a special piece could be merged from, for it would. It wants byte pieces."""
        keep = self.pieces(texts=[text for text in self.texts if len(text) == 1 or not set(text) & set("<>")] or ["ab"])

        def string(text):
            data = text.encode()
            return struct.pack("<Q", len(data)) + data

        def array(kind, items):
            return struct.pack("<IIQ", 9, kind, len(items)) + b"".join(items)
        flag = {name: struct.pack("<IB", 7, value) for name, value in
                (("add_bos_token", self.bos), ("add_eos_token", self.eos), ("add_space_prefix", self.prefix))}
        number = {f"{name}_token_id": struct.pack("<II", 4, i) for i, name in enumerate(("unknown", "bos", "eos"))}
        values = {"general.architecture": struct.pack("<I", 8) + string("llama"),
                  **{f"tokenizer.ggml.{name}": value for name, value in {
                      "model": struct.pack("<I", 8) + string("llama"), "tokens": array(8, [string(text) for _, _, text in keep]),
                      "scores": array(6, [struct.pack("<f", score) for _, score, _ in keep]),
                      "token_type": array(5, [struct.pack("<i", kind) for kind, _, _ in keep]), **flag, **number}.items()}}
        head = b"GGUF" + struct.pack("<IQQ", 3, 0, len(values))
        return head + b"".join(string(name) + value for name, value in values.items()), keep
