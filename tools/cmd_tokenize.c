/* cmd_tokenize.c - ridgeline tokenize: text to ids, ids to text, and how many they are. */
#include "base/cpu.h"
#include "base/file.h"
#include "commands.h"
#include "gate/verdict.h"
#include "token_text.h"
#include "vocab_file.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    const char *model, *mode, *format;
    bool no_bos, special, lines, hex;
} options;

enum form { AS_IDS, AS_TEXT, AS_JSON, AS_COUNT };

/* A command under way. */
typedef struct {
    const rl_command *self;
    options o;
    enum form form;
    unsigned flags; /* of encoding or decoding */
    rl_vocab_file *file;
    const rl_vocab *vocab;
    rl_tokenizer *tok;
    rl_tokenizer_ctx *ctx; /* NULL: only decodes */
    const char *name;      /* of the input, for messages */
    char *input;           /* owned */
    size_t n_input;
    rl_ids ids;
    char *piece; /* owned: room for what one id adds to a text */
} session;

/* ---- Opening and closing ---- */

static int broken(const session *s, const rl_error *why)
{
    fprintf(stderr, "ridgeline %s: %s\n", s->self->name, why->text);
    return RL_EXIT_BROKEN;
}

static bool named(const char *name, const char *const *names, size_t n, unsigned *which)
{
    for (*which = 0; *which < n; ++*which)
        if (strcmp(names[*which], name) == 0) return true;
    return false;
}

/* What of the options can be wrong by itself: 64, or 0. */
static int check_usage(session *s, unsigned *mode)
{
    static const char *const modes[] = {
        [RL_MODE_HF] = "hf", [RL_MODE_SENTENCEPIECE] = "sentencepiece", [RL_MODE_LLAMA_CPP] = "llama.cpp"};
    static const char *const forms[] = {[AS_IDS] = "ids", [AS_TEXT] = "text", [AS_JSON] = "json"};
    char shown[64];
    unsigned form = s->form;
    if (!named(s->o.mode, modes, RL_COUNT(modes), mode))
        return rl_bad_usage(s->self, "--mode is '%s', expected hf, sentencepiece or llama.cpp",
                            rl_printable(shown, sizeof shown, s->o.mode, strlen(s->o.mode)));
    if (s->o.special && *mode == RL_MODE_SENTENCEPIECE)
        return rl_bad_usage(s->self, "--special: SentencePiece never takes text for special pieces");
    if (s->o.format != NULL && !named(s->o.format, forms, RL_COUNT(forms), &form))
        return rl_bad_usage(s->self, "--format is '%s', expected text, json or ids",
                            rl_printable(shown, sizeof shown, s->o.format, strlen(s->o.format)));
    if (s->o.hex) s->o.lines = true;
    if (s->o.lines && s->o.format != NULL && form == AS_TEXT)
        return rl_bad_usage(s->self, "--%s gives one line each: --format json or ids",
                            s->o.hex ? "hex" : "lines");
    if (s->o.lines && form == AS_TEXT) form = AS_IDS;
    s->form = (enum form)form;
    return 0;
}

static rl_status open_model(session *s, rl_tokenizer_mode mode, rl_error *err)
{
    uint32_t cpu;
    rl_error why;
    rl_status status = rl_cpu_from_env(&cpu, err);
    if (status == RL_OK) status = rl_vocab_file_open(&s->file, s->o.model, err);
    if (status != RL_OK) return status;
    rl_vocab_file_vocab(s->file)->mode = mode;
    s->vocab = rl_vocab_file_vocab(s->file);
    status = rl_tokenizer_open(&s->tok, s->vocab, &why);
    if (status == RL_OK)
        status = rl_tokenizer_ctx_open(&s->ctx, s->tok, rl_tokenizer_kernel_find(NULL, cpu), 0, &why);
    if (status != RL_OK) return rl_fail(err, status, "%s: %.400s", s->o.model, why.text);
    s->piece = malloc(rl_tokenizer_stream_max(s->tok));
    return s->piece != NULL ? RL_OK : rl_fail(err, RL_ERR_MEMORY, "%s: out of memory", s->o.model);
}

static void close_session(session *s)
{
    free(s->piece);
    rl_ids_free(&s->ids);
    free(s->input);
    rl_tokenizer_ctx_close(s->ctx);
    rl_tokenizer_close(s->tok);
    rl_vocab_file_close(s->file);
}

/* ---- Encoding ---- */

static rl_status encode(session *s, const char *text, size_t n_bytes, rl_error *err)
{
    const size_t room = rl_tokenizer_max_ids(s->tok, n_bytes, s->flags);
    if (room > s->ids.room) {
        rl_ids_free(&s->ids);
        if (room <= SIZE_MAX / sizeof(uint32_t)) /* pages that no id reaches cost nothing */
            s->ids = (rl_ids){.data = malloc(room * sizeof(uint32_t)), .room = room};
        if (s->ids.data == NULL)
            return rl_fail(err, RL_ERR_MEMORY, "%s: out of memory for the ids of %zu bytes", s->name,
                           n_bytes);
    }
    rl_error why;
    const rl_status status =
        rl_tokenizer_encode(s->ctx, text, n_bytes, s->flags, s->ids.data, s->ids.room, &s->ids.n, &why);
    return status == RL_OK ? RL_OK : rl_fail(err, status, "%s: %.400s", s->name, why.text);
}

static void print_json(const session *s)
{
    fputs("{\"ids\":[", stdout);
    for (size_t i = 0; i < s->ids.n; i++) {
        if (i > 0) putc(',', stdout);
        rl_put_number(stdout, s->ids.data[i]);
    }
    fputs("],\"pieces\":[", stdout);
    for (size_t i = 0; i < s->ids.n; i++) {
        const rl_piece *p = &s->vocab->pieces[s->ids.data[i]];
        if (i > 0) putc(',', stdout);
        rl_json_quote(stdout, p->text, p->bytes, true);
    }
    fputs("]}\n", stdout);
}

static void print_text(const session *s)
{
    for (size_t i = 0; i < s->ids.n; i++) {
        const rl_piece *p = &s->vocab->pieces[s->ids.data[i]];
        rl_put_number(stdout, s->ids.data[i]);
        putc('\t', stdout);
        rl_put_visible(stdout, p->text, p->bytes);
        putc('\n', stdout);
    }
}

static rl_status encode_one(session *s, const char *text, size_t n_bytes, rl_error *err)
{
    const rl_status status = encode(s, text, n_bytes, err);
    if (status != RL_OK) return status;
    if (s->form == AS_JSON) return print_json(s), RL_OK;
    if (s->form == AS_TEXT) return print_text(s), RL_OK;
    if (s->form == AS_COUNT) rl_put_number(stdout, s->ids.n);
    for (size_t i = 0; i < s->ids.n && s->form == AS_IDS; i++) {
        if (i > 0) putc(' ', stdout);
        rl_put_number(stdout, s->ids.data[i]);
    }
    putc('\n', stdout);
    return RL_OK;
}

/* ---- Decoding ---- */

static void stream_text(session *s)
{
    rl_tokenizer_stream stream;
    char rest[4];
    size_t n;
    rl_tokenizer_stream_init(&stream, s->flags);
    for (size_t i = 0; i < s->ids.n; i++) {
        if (rl_tokenizer_stream_push(&stream, s->tok, s->ids.data[i], s->piece, &n, NULL) == RL_OK)
            fwrite(s->piece, 1, n, stdout); /* every id was checked when it was read */
    }
    fwrite(rest, 1, rl_tokenizer_stream_flush(&stream, rest), stdout);
}

/* The text as a JSON string. */
static rl_status quote_text(const session *s, rl_error *err)
{
    size_t n;
    rl_tokenizer_decode(s->tok, s->ids.data, s->ids.n, s->flags, NULL, 0, &n, NULL); /* how long it is */
    char *text = malloc(n + 1);
    if (text == NULL)
        return rl_fail(err, RL_ERR_MEMORY, "%s: out of memory for %zu bytes of text", s->name, n);
    const rl_status status = rl_tokenizer_decode(s->tok, s->ids.data, s->ids.n, s->flags, text, n, &n, err);
    if (status == RL_OK) {
        rl_json_quote(stdout, text, n, false);
        putc('\n', stdout);
    }
    free(text);
    return status;
}

static rl_status decode_one(session *s, const char *text, size_t n_bytes, rl_error *err)
{
    const rl_status status = rl_ids_read(&s->ids, text, n_bytes, s->name, rl_tokenizer_size(s->tok), err);
    if (status != RL_OK) return status;
    if (s->o.lines) return quote_text(s, err);
    stream_text(s);
    return RL_OK;
}

/* ---- The input, whole or a line at a time ---- */

typedef rl_status each_fn(session *s, const char *text, size_t n_bytes, rl_error *err);

static rl_status each_line(session *s, each_fn *fn, bool quoted, rl_error *err)
{
    char place[4096 + 32];
    const char *const name = s->name;
    size_t line = 1;
    rl_status status = RL_OK;
    s->name = place;
    for (char *p = s->input, *end = s->input + s->n_input; p < end && status == RL_OK; line++) {
        char *newline = memchr(p, '\n', (size_t)(end - p)), *text = p;
        size_t n = (size_t)((newline != NULL ? newline : end) - p);
        p += n + 1;
        snprintf(place, sizeof place, "%s: line %zu", name, line);
        const char *what = !quoted ? NULL : s->o.hex ? rl_hex_unquote(&text, &n) : rl_json_unquote(&text, &n);
        status = what == NULL ? fn(s, text, n, err)
                              : rl_fail(err, RL_ERR_FORMAT, "%s %s, expected %s", place, what,
                                        s->o.hex ? "two of them a byte" : "a JSON string");
    }
    s->name = name;
    return status;
}

static int run(session *s, each_fn *fn, bool quoted, int argc, char **argv)
{
    const char *path;
    unsigned mode;
    rl_error why;
    s->o.mode = "hf";
    if (!rl_args_parse(s->self, &s->o, &path, argc, argv)) return RL_EXIT_BAD_USAGE;
    const int usage = check_usage(s, &mode);
    if (usage != 0) return usage;
    if (path == NULL) path = "-";
    s->name = strcmp(path, "-") == 0 ? "standard input" : path;
    rl_status status = open_model(s, (rl_tokenizer_mode)mode, &why);
    if (status == RL_OK && quoted) {
        s->flags = rl_tokenizer_flags(s->tok) & ~(s->o.no_bos ? (unsigned)RL_ENCODE_BOS : 0u);
        if (s->o.special) s->flags |= RL_ENCODE_SPECIAL;
    } else if (s->o.special) {
        s->flags = RL_DECODE_SPECIAL;
    }
    if (status == RL_OK) status = rl_file_read(path, SIZE_MAX / 4, &s->input, &s->n_input, &why);
    if (status == RL_OK)
        status = s->o.lines ? each_line(s, fn, quoted, &why) : fn(s, s->input, s->n_input, &why);
    const int code = status == RL_OK ? RL_EXIT_PASS : broken(s, &why);
    close_session(s);
    return code;
}

static int run_encode(const rl_command *self, int argc, char **argv)
{
    session s = {.self = self, .form = isatty(STDOUT_FILENO) ? AS_TEXT : AS_IDS};
    return run(&s, encode_one, true, argc, argv);
}

static int run_decode(const rl_command *self, int argc, char **argv)
{
    session s = {.self = self, .form = AS_IDS};
    return run(&s, decode_one, false, argc, argv);
}

static int run_count(const rl_command *self, int argc, char **argv)
{
    session s = {.self = self, .form = AS_COUNT};
    return run(&s, encode_one, true, argc, argv);
}

/* ---- The tables ---- */

#define MODEL                                                                                                \
    RL_TEXT_REQUIRED("--model", "F", options, model,                                                         \
                     "a GGUF, tokenizer.model or tokenizer.json file, or built-in")
#define MODE RL_TEXT("--mode", "M", options, mode, "whose ids: hf (default), sentencepiece, llama.cpp")
#define NO_BOS RL_FLAG("--no-bos", options, no_bos, "without the <s> that the model asks for")

#define FILES                                                                                                \
    "FILE is standard input where it is absent or '-'; a newline at its end is text like any other. What F " \
    "is, its\n"                                                                                              \
    "contents say; built-in is the vocabulary of the program's own models. RL_ISA caps the kernels.\n\n"     \
    "  hf             special and added pieces as Hugging Face's tokenizers find them, with `normalized` "   \
    "as F has it\n"                                                                                          \
    "  sentencepiece  text is never taken for a special piece: no --special\n"                               \
    "  llama.cpp      special pieces the longest first; bytes that are no UTF-8 give their byte pieces\n\n"  \
    "exit status: 0, 2 the model or the input cannot be read, 64 bad usage\n"

static const rl_arg encode_args[] = {
    MODEL,
    MODE,
    NO_BOS,
    RL_FLAG("--special", options, special, "special pieces spelled out in the text, like </s>, are those"),
    RL_TEXT("--format", "KIND", options, format, "text, json or ids (default: text on a terminal, else ids)"),
    RL_FLAG("--lines", options, lines,
            "each line is a JSON string, a text of its own: one line of output each"),
    RL_FLAG("--hex", options, hex, "as --lines, but two hexadecimal digits a byte: texts that are no UTF-8"),
};

const rl_command rl_cmd_tokenize_encode = {
    .name = "tokenize encode",
    .operand = "[FILE|-]",
    .summary = "text to the ids of a model's vocabulary",
    .args = encode_args,
    .n_args = RL_COUNT(encode_args),
    .more = "  ids   a line of numbers\n"
            "  text  a line for each id: the id, a tab, and its piece, with control characters escaped\n"
            "  json  {\"ids\":[...],\"pieces\":[...]}, pieces as the vocabulary spells them; a byte of a "
            "piece that is no\n"
            "        UTF-8 is spelled as a byte piece, <0xNN>\n\n"
            "  ridgeline tokenize encode --model tokenizer.json --format json prompt.txt\n\n" FILES,
    .run = run_encode,
};

static const rl_arg decode_args[] = {
    MODEL,
    MODE,
    RL_FLAG("--special", options, special, "special pieces, like </s>, are spelled out (default: left out)"),
    RL_FLAG("--lines", options, lines, "each line holds the ids of a text: one JSON string of output each"),
};

const rl_command rl_cmd_tokenize_decode = {
    .name = "tokenize decode",
    .operand = "[FILE|-]",
    .summary = "ids to their text",
    .args = decode_args,
    .n_args = RL_COUNT(decode_args),
    .more = "Ids are whole numbers with blanks between them, a JSON array, or an object whose member \"ids\" "
            "is one, such as\n"
            "encode writes. The text comes out byte for byte, no newline added; in the strings of --lines, "
            "bytes that are\n"
            "no UTF-8 are U+FFFD.\n\n"
            "  ridgeline tokenize encode --model m.gguf prompt.txt | ridgeline tokenize decode --model "
            "m.gguf\n\n" FILES,
    .run = run_decode,
};

static const rl_arg count_args[] = {
    MODEL,
    MODE,
    NO_BOS,
    RL_FLAG("--special", options, special, "special pieces spelled out in the text, like </s>, are those"),
    RL_FLAG("--lines", options, lines, "each line is a JSON string, a text of its own: one number each"),
    RL_FLAG("--hex", options, hex, "as --lines, but two hexadecimal digits a byte: texts that are no UTF-8"),
};

const rl_command rl_cmd_tokenize_count = {
    .name = "tokenize count",
    .operand = "[FILE|-]",
    .summary = "how many ids a text has",
    .args = count_args,
    .n_args = RL_COUNT(count_args),
    .more = FILES,
    .run = run_count,
};
