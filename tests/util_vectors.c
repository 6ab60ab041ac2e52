/* util_vectors.c - reading tokenizer vectors. */
#include "util_vectors.h"

#include "base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *checked(void *p)
{
    assert_non_null(p);
    return p;
}

/* "a\x20b" to bytes, in place. */
static size_t unescape(char *text)
{
    size_t n = 0;
    for (const char *p = text; *p != '\0'; n++) {
        unsigned byte = (uint8_t)*p;
        if (*p == '\\') {
            assert_int_equal(sscanf(p, "\\x%2x", &byte), 1);
            p += 4;
        } else {
            p++;
        }
        text[n] = (char)byte;
    }
    return n;
}

static util_case read_case(const char *text, const char *ids)
{
    util_case c = {.text = checked(strdup(text)), .ids = checked(malloc(strlen(ids) * sizeof(uint32_t) + 1))};
    c.n_bytes = unescape(c.text);
    for (char *end; *ids != '\0'; ids = end + (*end == ' '))
        c.ids[c.n_ids++] = (uint32_t)strtoul(ids, &end, 10);
    return c;
}

/* The lines of the file, as they are read: which vocabulary is being built or used. */
typedef struct {
    const rl_vocab *builtin;
    util_case_fn *fn;
    util_vocab small;
    bool is_builtin, add_bytes;
    rl_tokenizer *tok; /* opened with the first case */
    size_t n_cases;
} reader;

static void end_vocabulary(reader *r)
{
    rl_tokenizer_close(r->tok);
    r->tok = NULL;
    util_vocab_free(&r->small);
}

static void begin_vocabulary(reader *r, char *const field[4])
{
    end_vocabulary(r);
    r->is_builtin = strcmp(field[1], "builtin") == 0;
    r->small = util_vocab_begin();
    r->small.vocab.add_space_prefix = field[2][0] == '1';
    r->small.vocab.mode = RL_MODE_SENTENCEPIECE;
    r->add_bytes = field[3][0] == '1';
}

static void take_case(reader *r, util_case_kind kind, const char *text, const char *ids)
{
    if (r->is_builtin != (r->builtin != NULL)) return;
    if (r->tok == NULL) {
        if (!r->is_builtin && r->add_bytes) util_vocab_add_bytes(&r->small);
        r->tok = util_tokenizer(r->is_builtin ? r->builtin : &r->small.vocab);
    }
    util_case c = read_case(text, ids);
    r->fn(r->tok, kind, &c);
    free(c.text);
    free(c.ids);
    r->n_cases++;
}

static void take_line(reader *r, char *line)
{
    char *field[4] = {0};
    for (size_t i = 0; i < 4 && line != NULL; i++) field[i] = strsep(&line, "\t");
    const char *what = field[0];
    assert_non_null(field[2]);
    if (strcmp(what, "vocab") == 0) {
        assert_non_null(field[3]);
        begin_vocabulary(r, field);
    } else if (strcmp(what, "piece") == 0) {
        assert_non_null(field[3]);
        const size_t n = unescape(field[3]);
        if (atoi(field[1]) == RL_PIECE_UNKNOWN || atoi(field[1]) == RL_PIECE_CONTROL)
            return; /* there from the start */
        util_vocab_add(&r->small, atoi(field[1]), strtof(field[2], NULL), field[3], n);
    } else if (strcmp(what, "case") == 0) {
        take_case(r, UTIL_CASE, field[1], field[2]);
    } else if (strcmp(what, "special") == 0) {
        take_case(r, UTIL_SPECIAL, field[1], field[2]);
    } else {
        assert_string_equal(what, "decode");
        take_case(r, UTIL_DECODE, field[2], field[1]);
    }
}

size_t util_tokenizer_vectors(const rl_vocab *builtin, util_case_fn *fn)
{
    char *data;
    size_t n;
    rl_error err;
    if (rl_file_read(RL_VECTORS "/tokenizer.txt", 1 << 20, &data, &n, &err) != RL_OK)
        fail_msg("%s", err.text);
    reader r = {.builtin = builtin, .fn = fn};
    for (char *rest = data, *line; (line = strsep(&rest, "\n")) != NULL && rest != NULL;) take_line(&r, line);
    end_vocabulary(&r);
    free(data);
    return r.n_cases;
}

static const char *printed_ids(char *out, size_t room, const uint32_t *ids, size_t n)
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < n && used + 12 < room; i++)
        used += (size_t)snprintf(out + used, room - used, "%s%u", i > 0 ? " " : "", ids[i]);
    return out;
}

void util_assert_ids(const char *what, const char *text, size_t n_bytes, const uint32_t *want, size_t n_want,
                     const uint32_t *got, size_t n_got)
{
    if (n_want == n_got && (n_want == 0 || memcmp(want, got, n_want * sizeof *want) == 0)) return;
    char shown[400], a[600], b[600];
    fail_msg("%s: '%s' (%zu bytes)\n  want %s\n  got  %s", what,
             rl_printable(shown, sizeof shown, text, n_bytes), n_bytes,
             printed_ids(a, sizeof a, want, n_want), printed_ids(b, sizeof b, got, n_got));
}

void util_kernels_give_the_ids(const rl_tokenizer *tok, util_case_kind kind, const util_case *c)
{
    if (kind == UTIL_DECODE) return;
    const rl_tokenizer_kernel *kern;
    for (size_t i = 0; (kern = rl_tokenizer_kernel_at(i)) != NULL; i++) {
        rl_tokenizer_ctx *ctx = util_context(tok, kern->variant);
        const unsigned flags = kind == UTIL_SPECIAL ? RL_ENCODE_SPECIAL : 0;
        const size_t max = rl_tokenizer_max_ids(tok, c->n_bytes, flags);
        uint32_t *ids = malloc(max * sizeof *ids);
        size_t n;
        rl_error err;
        if (rl_tokenizer_encode(ctx, c->text, c->n_bytes, flags, ids, max, &n, &err) != RL_OK)
            fail_msg("%s: %s", kern->base.name, err.text);
        util_assert_ids(kern->base.name, c->text, c->n_bytes, c->ids, c->n_ids, ids, n);
        free(ids);
        rl_tokenizer_ctx_close(ctx);
    }
}

void util_decode_gives_the_text(const rl_tokenizer *tok, util_case_kind kind, const util_case *c)
{
    if (kind != UTIL_DECODE) return;
    char *out = malloc(c->n_bytes + 1);
    size_t n;
    rl_error err;
    if (rl_tokenizer_decode(tok, c->ids, c->n_ids, 0, out, c->n_bytes, &n, &err) != RL_OK)
        fail_msg("'%.*s': %s", (int)c->n_bytes, c->text, err.text);
    assert_int_equal(n, c->n_bytes);
    assert_memory_equal(out, c->text, n);
    free(out);
}
