/* test_tokenizer_plan.c - special pieces in the three modes, places to cut, and jobs: their ids are the text's. */
#include "gguf_vocab.h"
#include "util_plan.h"
#include "util_vectors.h"

#include "tokenizer/tokenizer_plan.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SEED = 20261129, TEXT_MAX = 400 };

static void assert_encodes(const rl_vocab *vocab, unsigned flags, const char *text, size_t n_bytes,
                           const uint32_t *want, size_t n_want)
{
    rl_tokenizer *tok = util_tokenizer(vocab);
    rl_tokenizer_ctx *ctx = util_context(tok, NULL);
    uint32_t ids[64];
    size_t n;
    rl_error err;
    if (rl_tokenizer_encode(ctx, text, n_bytes, flags, ids, RL_COUNT(ids), &n, &err) != RL_OK)
        fail_msg("%s", err.text);
    util_assert_ids("encode", text, n_bytes, want, n_want, ids, n);
    rl_tokenizer_ctx_close(ctx);
    rl_tokenizer_close(tok);
}
#define ASSERT_ENCODES(vocab, flags, text, ...)                                                              \
    assert_encodes(vocab, flags, text, sizeof(text) - 1, (const uint32_t[]){__VA_ARGS__},                    \
                   sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))

/* ---- What the engines give, with Llama's vocabulary ---- */

typedef struct {
    const char *text;
    uint32_t n, ids[8];
} row;

static void check_rows(const rl_vocab *vocab, rl_tokenizer_mode mode, bool normalized, unsigned flags,
                       const row *rows, size_t n_rows)
{
    rl_vocab v = *vocab;
    rl_piece *pieces = malloc(v.n * sizeof *pieces);
    memcpy(pieces, v.pieces, v.n * sizeof *pieces);
    for (size_t i = 0; i < 3; i++) pieces[i].normalized = normalized;
    v.pieces = pieces;
    v.mode = mode;
    for (size_t i = 0; i < n_rows; i++)
        assert_encodes(&v, flags, rows[i].text, strlen(rows[i].text), rows[i].ids, rows[i].n);
    free(pieces);
}

static void special_pieces_in_llamas_vocabulary_are_those_of_each_engine(void **state)
{
    (void)state;
    static const row plain[] = {
        {"",               0, {0}                            },
        {" ",              1, {259}                          },
        {"a</s>b",         5, {263, 829, 29879, 29958, 29890}},
        {"x\xe2\x96\x81y", 2, {921, 343}                     },
    };
    static const row spelled[] = {
        {"",         1, {1}                           },
        {" ",        2, {1, 259}                      },
        {"a</s>b",   4, {1, 263, 2, 289}              },
        {"a </s> b", 6, {1, 263, 29871, 2, 29871, 289}},
        {"<s>Hello", 3, {1, 1, 15043}                 },
    };
    static const row normalized[] = {
        {"",                    1, {1}                               },
        {"a</s>b",              6, {1, 263, 829, 29879, 29958, 29890}},
        {"a </s> b",            4, {1, 263, 2, 289}                  },
        {"a\xe2\x96\x81</s> b", 4, {1, 263, 2, 289}                  },
        {"<s>Hello",            3, {1, 1, 10994}                     },
        {" </s>",               3, {1, 29871, 2}                     },
    };
    static const row broken[] = {
        {"\xff",       2, {29871, 258}},
        {"\xc3"
         "A", 3,
         {29871, 198, 68}             },
    };
    static const row replaced[] = {
        {"\xff",       2, {29871, 30140}},
        {"\xc3"
         "A", 3,
         {29871, 30140, 29909}          },
    };
    if (access(RL_SHARED_DATA "/llama-vocab.gguf", R_OK) != 0) {
        util_note_skip("Llama's vocabulary (no llama-vocab.gguf in the shared data)");
        return;
    }
    rl_gguf *g;
    rl_vocab *v;
    rl_error err;
    if (rl_gguf_open(&g, RL_SHARED_DATA "/llama-vocab.gguf", &err) != RL_OK ||
        rl_gguf_vocab(g, &v, &err) != RL_OK)
        fail_msg("%s", err.text);
    const unsigned both = RL_ENCODE_BOS | RL_ENCODE_SPECIAL;
    for (rl_tokenizer_mode mode = RL_MODE_HF; mode <= RL_MODE_LLAMA_CPP; mode++)
        check_rows(v, mode, false, 0, plain, RL_COUNT(plain));
    check_rows(v, RL_MODE_HF, false, both, spelled, RL_COUNT(spelled));
    check_rows(v, RL_MODE_HF, true, both, normalized, RL_COUNT(normalized));
    check_rows(v, RL_MODE_LLAMA_CPP, true, both, spelled, RL_COUNT(spelled));
    check_rows(v, RL_MODE_LLAMA_CPP, false, 0, broken, RL_COUNT(broken));
    check_rows(v, RL_MODE_SENTENCEPIECE, false, 0, replaced, RL_COUNT(replaced));
    rl_gguf_vocab_free(v);
    rl_gguf_close(g);
}

/* ---- Rules that deserve a case with a name; few: 3 a, 4 b, 5 space, 6 ab, 7 space a ---- */

static void a_normalized_piece_takes_the_mark_before_it_and_leaves_none_after(void **state)
{
    (void)state;
    util_vocab v = util_vocab_few();
    const unsigned special = RL_ENCODE_SPECIAL;
    v.pieces[2].normalized = true; /* </s> */
    ASSERT_ENCODES(&v.vocab, special, "</s>", 2);
    ASSERT_ENCODES(&v.vocab, special, " </s>", 5, 2); /* the prefix alone */
    ASSERT_ENCODES(&v.vocab, special, "b</s>", 5, 4, 0);
    ASSERT_ENCODES(&v.vocab, special, "b </s>b </s> a", 5, 4, 2, 4, 2, 7);
    ASSERT_ENCODES(&v.vocab, special, "b\xe2\x96\x81</s>ab", 5, 4, 2, 6);
    ASSERT_ENCODES(&v.vocab, special, "a<s></s>ab<s>a", 7, 1, 2, 6, 1,
                   7); /* a section's start has the mark */
    ASSERT_ENCODES(&v.vocab, special, "a<s> </s>", 7, 1, 5, 2);
    v.vocab.add_space_prefix = false; /* then nothing comes before it */
    ASSERT_ENCODES(&v.vocab, special, "a</s>b </s>", 3, 2, 4, 5, 2);
    util_vocab_free(&v);
}

static void a_character_that_only_was_added_is_found_where_normalization_lets_it(void **state)
{
    (void)state;
    util_vocab v = util_vocab_few();
    v.pieces[4].type = RL_PIECE_USER_DEFINED; /* b, and so, normalized, U+2581 b */
    v.pieces[4].normalized = true;
    ASSERT_ENCODES(&v.vocab, 0, "b b-b", 4, 4, 0, 4); /* the model has it: one character, one id */
    v.pieces[4].added = true;
    v.pieces[6].type = RL_PIECE_USER_DEFINED; /* ab: no merge makes it now */
    v.pieces[6].normalized = v.pieces[6].added = true;
    ASSERT_ENCODES(&v.vocab, 0, "b b-b", 4, 4, 0);
    ASSERT_ENCODES(&v.vocab, 0, "b-abb b ab", 4, 0, 3, 0, 4, 6);
    v.vocab.add_space_prefix = false; /* it is itself then, normalized */
    ASSERT_ENCODES(&v.vocab, 0, "b b-b", 4, 5, 4, 0, 4);
    util_vocab_free(&v);
}

static void normalized_pieces_with_marks_of_their_own_are_found_as_the_longest(void **state)
{
    (void)state;
    util_vocab v = util_vocab_few();
    util_vocab_add(&v, RL_PIECE_CONTROL, 0, " #", 2); /* 8: two marks, 9: one */
    util_vocab_add(&v, RL_PIECE_CONTROL, 0, "#", 1);
    util_vocab_add(&v, RL_PIECE_CONTROL, 0, "# a", 3);
    for (size_t i = 8; i < 11; i++) v.pieces[i].normalized = true;
    ASSERT_ENCODES(&v.vocab, RL_ENCODE_SPECIAL, "#", 9);
    ASSERT_ENCODES(&v.vocab, RL_ENCODE_SPECIAL, " #", 8);
    ASSERT_ENCODES(&v.vocab, RL_ENCODE_SPECIAL, "  # a", 5, 8, 7);
    ASSERT_ENCODES(&v.vocab, RL_ENCODE_SPECIAL, "b # a #", 5, 4, 10, 9);
    util_vocab_free(&v);
}

static void user_defined_pieces_end_sections_without_being_asked_for(void **state)
{
    (void)state;
    util_vocab v = util_vocab_few();
    util_vocab_add(&v, RL_PIECE_USER_DEFINED, 0, "bb", 2);
    util_vocab_add(&v, RL_PIECE_USER_DEFINED, 0, "bbb", 3);
    util_vocab_add(&v, RL_PIECE_NORMAL, 9, "abb", 3);
    ASSERT_ENCODES(&v.vocab, 0, "abbbbba", 7, 9, 8, 7);
    v.vocab.mode = RL_MODE_LLAMA_CPP;
    ASSERT_ENCODES(&v.vocab, 0, "abbbbba", 7, 9, 8, 7);
    v.vocab.mode = RL_MODE_SENTENCEPIECE;
    ASSERT_ENCODES(&v.vocab, 0, "abbbbba", 7, 9, 8, 3);
    util_vocab_free(&v);
}

static void overlapping_pieces_are_the_leftmost_in_hf_and_the_longest_in_llama_cpp(void **state)
{
    (void)state;
    util_vocab v = util_vocab_few();
    util_vocab_add(&v, RL_PIECE_CONTROL, 0, "<x", 2);
    util_vocab_add(&v, RL_PIECE_CONTROL, 0, "x>>", 3);
    ASSERT_ENCODES(&v.vocab, RL_ENCODE_SPECIAL, "a<x>>b", 7, 8, 5, 0, 5 - 1);
    v.vocab.mode = RL_MODE_LLAMA_CPP;
    ASSERT_ENCODES(&v.vocab, RL_ENCODE_SPECIAL, "a<x>>b", 7, 0, 9, 5, 4);
    ASSERT_ENCODES(&v.vocab, RL_ENCODE_SPECIAL, "x>>x>><x<x", 9, 9, 8, 8);
    ASSERT_ENCODES(&v.vocab, 0, "<x>>", 5, 0);
    util_vocab_free(&v);
}

static void sentencepiece_never_reads_special_pieces_from_text(void **state)
{
    (void)state;
    util_vocab v = util_vocab_few();
    v.vocab.mode = RL_MODE_SENTENCEPIECE;
    rl_tokenizer *tok = util_tokenizer(&v.vocab);
    rl_tokenizer_ctx *ctx = util_context(tok, NULL);
    size_t n;
    rl_error err;
    assert_int_equal(rl_tokenizer_encode(ctx, "a", 1, RL_ENCODE_SPECIAL, NULL, 0, &n, &err), RL_ERR_ARG);
    assert_string_equal(err.text,
                        "special pieces asked for, and mode sentencepiece never reads them from text");
    rl_tokenizer_ctx_close(ctx);
    rl_tokenizer_close(tok);
    util_vocab_free(&v);
}

static void cuts_are_where_no_merge_meets_and_no_unknown_run_goes_on(void **state)
{
    (void)state;
    util_vocab v = util_vocab_few();
    rl_tokenizer *tok = util_tokenizer(&v.vocab);
    static const struct {
        const char *text;
        size_t at, cut;
    } cases[] = {
        {"ba",         0, 1},
        {"ab",         0, 2},
        {"abba",       1, 2},
        {"b a",        0, 1},
        {"b a",        2, 3},
        {"bxya",       1, 1},
        {"bxya",       2, 3},
        {"",           0, 0},
        {"b",          0, 1},
        {"b",          9, 1},
        {"b\xe2\x96\x81"
         "a", 2, 5},
        {"a\xc3\xa9"
         "b", 2, 3},
    };
    for (size_t i = 0; i < RL_COUNT(cases); i++) {
        const size_t cut = rl_tokenizer_cut(tok, cases[i].text, strlen(cases[i].text), cases[i].at);
        if (cut != cases[i].cut) fail_msg("'%s' from %zu: %zu", cases[i].text, cases[i].at, cut);
    }
    rl_tokenizer_close(tok);
    util_vocab_add(&v, RL_PIECE_UNUSED, -7, "bb", 2);
    tok = util_tokenizer(&v.vocab);
    assert_int_equal(rl_tokenizer_cut(tok, "ba", 2, 0), 2);
    rl_tokenizer_close(tok);
    util_vocab_free(&v);
}

/* ---- Random vocabularies and texts ---- */

typedef struct {
    rl_tokenizer_ctx *ctx;
    uint32_t ids[16 * TEXT_MAX];
    size_t n, stretches;
} job_ids;

/* Appends the ids of a plan's jobs; stops at `until`, where it then must stand. */
static void run_plan(job_ids *out, rl_plan *plan, size_t longest, size_t until)
{
    rl_error err;
    for (rl_job job; plan->at != until && rl_plan_next(plan, longest, &job);) {
        assert_int_equal(rl_tokenizer_ctx_room(out->ctx, job.to - job.from, &err), RL_OK);
        out->n +=
            rl_tokenizer_ctx_job(out->ctx, plan->text, &job, out->ids + out->n, RL_COUNT(out->ids) - out->n);
        out->stretches += job.id == RL_SYMBOL_NONE;
    }
}

typedef struct {
    const rl_tokenizer *tok;
    rl_tokenizer_ctx *ctx;
    const char *text;
    size_t n_bytes;
    unsigned flags;
    const uint32_t *want;
    size_t n_want;
} whole;

static void jobs_of_any_length_give_the_ids(const whole *w, util_rng *rng)
{
    static uint32_t marks[TEXT_MAX];
    const bool by_length = rl_plan_by_length(w->tok, w->flags);
    if (by_length) rl_plan_mark(w->tok, w->text, w->n_bytes, w->flags, marks);
    for (size_t i = 0; i < 3; i++) {
        static job_ids got;
        got = (job_ids){.ctx = w->ctx};
        rl_plan plan = rl_plan_begin(w->tok, w->text, w->n_bytes, w->flags, by_length ? marks : NULL);
        run_plan(&got, &plan, i == 0 ? 0 : util_below(rng, 20), SIZE_MAX);
        util_assert_ids("jobs", w->text, w->n_bytes, w->want, w->n_want, got.ids, got.n);
    }
}

static void a_plan_goes_on_where_another_stood(const whole *w, util_rng *rng)
{
    static job_ids got;
    got = (job_ids){.ctx = w->ctx};
    rl_plan plan = rl_plan_begin(w->tok, w->text, w->n_bytes, w->flags, NULL);
    const size_t jobs = util_below(rng, 12), longest = util_below(rng, 9);
    rl_job job;
    for (size_t i = 0; i < jobs && rl_plan_next(&plan, longest, &job) && plan.at < w->n_bytes; i++)
        got.n += rl_tokenizer_ctx_job(w->ctx, w->text, &job, got.ids + got.n, RL_COUNT(got.ids) - got.n);
    if (plan.at == w->n_bytes) return;
    if (!plan.begun) return;
    plan = rl_plan_resume(w->tok, w->text, w->n_bytes, w->flags, plan.at, plan.fresh);
    run_plan(&got, &plan, SIZE_MAX, SIZE_MAX);
    util_assert_ids("resumed", w->text, w->n_bytes, w->want, w->n_want, got.ids, got.n);
}

static void two_sides_of_a_split_give_the_ids(const whole *w, util_rng *rng, size_t *splits)
{
    static job_ids got;
    got = (job_ids){.ctx = w->ctx};
    const size_t at = util_below(rng, w->n_bytes + 1);
    const size_t split = rl_plan_split(w->tok, w->text, w->n_bytes, w->flags, at, w->n_bytes);
    if (split == w->n_bytes) return;
    assert_true(split >= at && split > 0);
    rl_plan left = rl_plan_begin(w->tok, w->text, split, w->flags & ~(unsigned)RL_ENCODE_EOS, NULL);
    run_plan(&got, &left, SIZE_MAX, SIZE_MAX);
    rl_plan right = rl_plan_resume(w->tok, w->text, w->n_bytes, w->flags, split, false);
    run_plan(&got, &right, SIZE_MAX, SIZE_MAX);
    util_assert_ids("split", w->text, w->n_bytes, w->want, w->n_want, got.ids, got.n);
    ++*splits;
}

static void jobs_give_the_ids_that_the_rules_say(void **state)
{
    (void)state;
    util_rng rng = {SEED};
    size_t splits = 0, by_length = 0;
    for (unsigned round = 0; round < 1500; round++) {
        util_vocab v = util_plan_vocab(&rng, (rl_tokenizer_mode)(round % 3));
        rl_tokenizer *tok = util_tokenizer(&v.vocab);
        rl_tokenizer_ctx *ctx = util_context(tok, "heap");
        for (unsigned i = 0; i < 12; i++) {
            char text[TEXT_MAX];
            static uint32_t ids[16 * TEXT_MAX];
            rl_error err;
            const size_t n_bytes = util_plan_text(&v, &rng, text, sizeof text);
            whole w = {tok, ctx, text, n_bytes, util_plan_flags(v.vocab.mode, i + round), NULL, 0};
            uint32_t *want = util_plan_ids(&v, tok, text, n_bytes, w.flags, &w.n_want);
            w.want = want;
            const size_t max = rl_tokenizer_max_ids(tok, n_bytes, w.flags);
            size_t n;
            assert_true(max <= RL_COUNT(ids));
            if (rl_tokenizer_encode(ctx, text, n_bytes, w.flags, ids, max, &n, &err) != RL_OK)
                fail_msg("%s", err.text);
            util_assert_ids("encode", text, n_bytes, want, w.n_want, ids, n);
            jobs_of_any_length_give_the_ids(&w, &rng);
            by_length += rl_plan_by_length(tok, w.flags);
            if (!rl_plan_by_length(tok, w.flags)) {
                a_plan_goes_on_where_another_stood(&w, &rng);
                two_sides_of_a_split_give_the_ids(&w, &rng, &splits);
            }
            free(want);
        }
        rl_tokenizer_ctx_close(ctx);
        rl_tokenizer_close(tok);
        util_vocab_free(&v);
    }
    assert_true(splits > 1000 && by_length > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(special_pieces_in_llamas_vocabulary_are_those_of_each_engine),
        cmocka_unit_test(a_normalized_piece_takes_the_mark_before_it_and_leaves_none_after),
        cmocka_unit_test(a_character_that_only_was_added_is_found_where_normalization_lets_it),
        cmocka_unit_test(normalized_pieces_with_marks_of_their_own_are_found_as_the_longest),
        cmocka_unit_test(user_defined_pieces_end_sections_without_being_asked_for),
        cmocka_unit_test(overlapping_pieces_are_the_leftmost_in_hf_and_the_longest_in_llama_cpp),
        cmocka_unit_test(sentencepiece_never_reads_special_pieces_from_text),
        cmocka_unit_test(cuts_are_where_no_merge_meets_and_no_unknown_run_goes_on),
        cmocka_unit_test(jobs_give_the_ids_that_the_rules_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
