/* fuzz_tokenizer.c - bytes choose a small vocabulary, what is asked for, and a text: all kernels must give the same ids,
 * as many as announced at most; decoding them whole and one by one must give the same text, and the one that was encoded
 * where nothing stands in the way of that.
 *
 *   byte 0    mode (0 to 2, by remainder)          byte 1    bits: see below
 *   byte 2    how many pieces (0 to 31)            then      each piece: a byte for type and length, a byte for each
 *                                                            character, of `letters`
 *   the rest  the text, as it is */
#include "fuzz_vocab.h"
#include "tokenizer/utf8.h"

#include <string.h>

enum { PREFIX = 1, BYTES = 2, MERGES = 4, SPECIAL = 8, BOS = 16, EOS = 32, TIES = 64 };
enum { PIECES = 3 + 256 + 32, PIECE_BYTES = 8 * 4, TEXT = 2048 };

static const char *const letters[] = {
    "a", "b",  "\xe2\x96\x81", "c", "\xc3\xa9", "\xe4\xb8\xad", "\xf0\x9f\xa6\x99",
    "<", "s>", "\xef\xbf\xbd", "/", "\n",       "\xe2\x96\x82", "0"};

typedef struct {
    rl_vocab vocab;
    rl_piece pieces[PIECES];
    char text[PIECES][PIECE_BYTES + 1];
    rl_merge_rule merges[32 * PIECE_BYTES];
    bool user_defined;
} made;

static void add(made *m, int32_t type, float score, const char *text, size_t n)
{
    for (size_t i = 0; i < m->vocab.n; i++) /* one text, one piece */
        if (m->pieces[i].bytes == n && memcmp(m->pieces[i].text, text, n) == 0) return;
    char *copy = m->text[m->vocab.n];
    memcpy(copy, text, n);
    m->pieces[m->vocab.n++] = (rl_piece){
        .text = copy, .bytes = (uint32_t)n, .score = score, .type = type, .normalized = n % 2 == 0, .added = n % 3 == 1};
    m->user_defined = m->user_defined || type == RL_PIECE_USER_DEFINED;
}

static size_t id_of(const made *m, const char *text, size_t n)
{
    for (size_t i = 0; i < m->vocab.n; i++)
        if (m->pieces[i].bytes == n && memcmp(m->pieces[i].text, text, n) == 0) return i;
    return SIZE_MAX;
}

static bool merges_with(const made *m, size_t id)
{
    if (id == SIZE_MAX) return false;
    const int32_t type = m->pieces[id].type;
    return type == RL_PIECE_NORMAL || type == RL_PIECE_USER_DEFINED || type == RL_PIECE_UNUSED;
}

/* Every way to cut a piece in two pieces, as Hugging Face's converter has it. */
static void add_merges(made *m)
{
    m->vocab.merges = m->merges;
    for (size_t i = m->vocab.n; i-- > 0;)
        for (uint32_t cut = 1; merges_with(m, i) && cut < m->pieces[i].bytes; cut++) {
            const size_t left = id_of(m, m->pieces[i].text, cut);
            const size_t right = id_of(m, m->pieces[i].text + cut, m->pieces[i].bytes - cut);
            if (merges_with(m, left) && merges_with(m, right))
                m->merges[m->vocab.n_merges++] = (rl_merge_rule){(uint32_t)left, (uint32_t)right};
        }
}

/* Takes the vocabulary off the front of the bytes. */
static void make(made *m, const uint8_t **data, size_t *size)
{
    static const int32_t types[] = {RL_PIECE_NORMAL,       RL_PIECE_NORMAL,  RL_PIECE_NORMAL,
                                    RL_PIECE_NORMAL,       RL_PIECE_CONTROL, RL_PIECE_UNUSED,
                                    RL_PIECE_USER_DEFINED, RL_PIECE_NORMAL};
    const uint8_t *p = *data + 3, *end = *data + *size;
    const uint8_t bits = (*data)[1];
    m->vocab = (rl_vocab){.pieces = m->pieces,
                          .bos = 1,
                          .eos = 2,
                          .has_bos = true,
                          .has_eos = true,
                          .has_unk = true,
                          .add_space_prefix = bits & PREFIX,
                          .mode = (rl_tokenizer_mode)((*data)[0] % 3)};
    add(m, RL_PIECE_UNKNOWN, 0, "<unk>", 5);
    add(m, RL_PIECE_CONTROL, 0, "<s>", 3);
    add(m, RL_PIECE_CONTROL, 0, "</s>", 4);
    for (unsigned c = 0; c < 256 && bits & BYTES; c++) {
        char text[8];
        snprintf(text, sizeof text, "<0x%02X>", c);
        memcpy(m->text[m->vocab.n], text, 6);
        m->pieces[m->vocab.n] = (rl_piece){.text = m->text[m->vocab.n], .bytes = 6, .type = RL_PIECE_BYTE};
        m->vocab.n++;
    }
    for (unsigned i = (*data)[2] & 31; i > 0 && p < end; i--) {
        char text[PIECE_BYTES];
        const int32_t type = types[*p & 7];
        size_t n = 0;
        const float score = bits & TIES ? -(float)(*p >> 6) : -(float)m->vocab.n;
        for (unsigned k = (*p++ >> 3 & 7) + 1; k > 0 && p < end; k--) {
            const char *letter = letters[*p++ % RL_COUNT(letters)];
            memcpy(text + n, letter, strlen(letter));
            n += strlen(letter);
        }
        if (n > 0) add(m, type, score, text, n);
    }
    if (bits & MERGES) add_merges(m);
    *data = p;
    *size = (size_t)(end - p);
}

static bool comes_back(const made *m, const char *text, size_t n, uint8_t bits)
{
    if (!(bits & BYTES) || bits & SPECIAL) return false;
    /* Without a piece for it a space is the bytes of U+2581, and those come back. */
    const size_t mark = id_of(m, "\xe2\x96\x81", 3);
    if (!merges_with(m, mark) || m->pieces[mark].type == RL_PIECE_UNUSED) return false;
    /* A text that added pieces cut gets more spaces than one. */
    if (m->user_defined && m->vocab.mode != RL_MODE_SENTENCEPIECE && bits & PREFIX) return false;
    for (size_t at = 0, length; at < n; at += length) {
        length = rl_utf8_length(text + at, n - at);
        if (length == 0 || (length == 3 && memcmp(text + at, "\xe2\x96\x81", 3) == 0)) return false;
    }
    return true;
}

/* Decodes in one, and an id at a time; the text to back [room], its length returned. */
static size_t decode(const rl_tokenizer *tok, const uint32_t *ids, size_t n_ids, unsigned flags, char *back,
                     size_t room)
{
    size_t n, n_stream = 0, wrote;
    rl_error err;
    char piece[256], rest[4];
    rl_tokenizer_stream stream;
    static char streamed[16 * TEXT];
    fuzz_must(rl_tokenizer_decode(tok, ids, n_ids, flags, back, room, &n, &err) == RL_OK, err.text);
    fuzz_must(rl_tokenizer_stream_max(tok) <= sizeof piece, "pieces are longer than they are");
    rl_tokenizer_stream_init(&stream, flags);
    for (size_t i = 0; i < n_ids; i++) {
        fuzz_must(rl_tokenizer_stream_push(&stream, tok, ids[i], piece, &wrote, &err) == RL_OK, err.text);
        memcpy(streamed + n_stream, piece, wrote);
        n_stream += wrote;
    }
    wrote = rl_tokenizer_stream_flush(&stream, rest);
    memcpy(streamed + n_stream, rest, wrote);
    n_stream += wrote;
    fuzz_must(n_stream == n && memcmp(streamed, back, n) == 0, "streamed, it is another text");
    return n;
}

static void check(const rl_tokenizer *tok, const made *m, const char *text, size_t n, uint8_t bits)
{
    static uint32_t want[8 * TEXT], got[8 * TEXT];
    static char back[16 * TEXT];
    const unsigned flags = (bits & BOS ? RL_ENCODE_BOS : 0u) | (bits & EOS ? RL_ENCODE_EOS : 0u) |
                           (bits & SPECIAL ? RL_ENCODE_SPECIAL : 0u);
    const rl_tokenizer_kernel *kernel;
    size_t n_want = SIZE_MAX, n_got;
    rl_error err;
    for (size_t i = 0; (kernel = rl_tokenizer_kernel_at(i)) != NULL; i++) {
        rl_tokenizer_ctx *ctx;
        if (!rl_kernel_runs(&kernel->base, rl_cpu_detect())) continue;
        fuzz_must(rl_tokenizer_ctx_open(&ctx, tok, kernel, 0, &err) == RL_OK, err.text);
        for (int again = 0; again < 2; again++) { /* with what it kept of the first time */
            const rl_status status =
                rl_tokenizer_encode(ctx, text, n, flags, got, RL_COUNT(got), &n_got, &err);
            if (m->vocab.mode == RL_MODE_SENTENCEPIECE && bits & SPECIAL) {
                rl_tokenizer_ctx_close(ctx);
                return;
            }
            fuzz_must(status == RL_OK, err.text);
            fuzz_must(n_got <= rl_tokenizer_max_ids(tok, n, flags), "more ids than announced");
            if (n_want == SIZE_MAX) memcpy(want, got, (n_want = n_got) * sizeof *got);
            fuzz_must(n_got == n_want && memcmp(got, want, n_got * sizeof *got) == 0,
                      "kernels give other ids");
        }
        rl_tokenizer_ctx_close(ctx);
    }
    decode(tok, want, n_want, RL_DECODE_SPECIAL, back, sizeof back);
    const size_t n_back = decode(tok, want, n_want, 0, back, sizeof back);
    if (comes_back(m, text, n, bits))
        fuzz_must(n_back == n && memcmp(back, text, n) == 0, "the text comes back as another");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static made m;
    rl_tokenizer *tok;
    rl_error err = {0};
    if (size < 3) return 0;
    const uint8_t bits = data[1];
    memset(&m, 0, sizeof m);
    make(&m, &data, &size);
    if (rl_tokenizer_open(&tok, &m.vocab, &err) != RL_OK) {
        fuzz_must(tok == NULL && err.text[0] != '\0', "not opened, and without a word");
        return 0;
    }
    char *text = malloc(size + (size == 0)); /* ends where it ends, for the sanitizers */
    if (text != NULL && size <= TEXT) {
        memcpy(text, data, size);
        check(tok, &m, text, size, bits);
    }
    free(text);
    rl_tokenizer_close(tok);
    return 0;
}
