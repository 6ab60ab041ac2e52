/* test_gguf_write.c - the GGUF writer through the reader, and the vocabulary of files made with it. */
#include "util_guard.h"

#include "gguf_vocab.h"
#include "gguf_write.h"
#include "util_gguf.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void writer_output_reads_back(void **state)
{
    (void)state;
    char dir[] = "/tmp/rl-test-gguf-XXXXXX", path[64];
    rl_gguf_writer *w;
    rl_gguf *g;
    rl_error err;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/out.gguf", dir);
    assert_int_equal(rl_gguf_writer_open(&w, path, &err), RL_OK);
    const rl_gguf_str texts[] = {
        {"a\0b",         3},
        {"",             0},
        {"\xe2\x96\x81", 3}
    };
    const float floats[] = {1.5f, -0.0f};
    const int32_t ints[] = {-1, INT32_MAX};
    rl_gguf_put_u32(w, "u32", 4000000000);
    rl_gguf_put_u64(w, "u64", UINT64_MAX);
    rl_gguf_put_f32(w, "f32", 0.1f);
    rl_gguf_put_bool(w, "bool", true);
    rl_gguf_put_str(w, "str", "text");
    rl_gguf_put_strs(w, "strs", texts, 3);
    rl_gguf_put_f32s(w, "f32s", floats, 2);
    rl_gguf_put_i32s(w, "i32s", ints, 2);
    rl_gguf_put_strs(w, "none", NULL, 0);
    rl_gguf_put_tensor(w, "one", RL_F32, 1, (size_t[]){3});
    rl_gguf_put_tensor(w, "two", RL_Q4_0, 2, (size_t[]){64, 3});
    uint8_t data[108];
    for (size_t i = 0; i < sizeof data; i++) data[i] = (uint8_t)(i * 3);
    assert_int_equal(rl_gguf_write(w, floats, 8, &err), RL_OK); /* in pieces */
    assert_int_equal(rl_gguf_write(w, floats, 4, &err), RL_OK);
    assert_int_equal(rl_gguf_write(w, data, 0, &err), RL_OK);
    for (size_t i = 0; i < 108; i += 27) assert_int_equal(rl_gguf_write(w, data + i, 27, &err), RL_OK);
    assert_int_not_equal(access(path, F_OK), 0); /* nothing there before the commit */
    assert_int_equal(rl_gguf_writer_commit(w, &err), RL_OK);

    if (rl_gguf_open(&g, path, &err) != RL_OK) fail_msg("%s", err.text);
    const char *broken = util_gguf_walk(g);
    if (broken != NULL) fail_msg("%s", broken);
    uint32_t u = 0;
    assert_int_equal(rl_gguf_u32(g, "u32", RL_GGUF_REQUIRED, &u, &err), RL_OK);
    assert_true(u == 4000000000);
    assert_true((uint64_t)rl_gguf_kv_int(rl_gguf_kv_find(g, "u64")) == UINT64_MAX);
    assert_true(rl_gguf_kv_real(rl_gguf_kv_find(g, "f32")) == (double)0.1f);
    assert_true(rl_gguf_kv_int(rl_gguf_kv_find(g, "bool")) == 1);
    assert_true(rl_gguf_str_is(rl_gguf_kv_str(rl_gguf_kv_find(g, "str")), "text"));
    rl_gguf_array a = rl_gguf_kv_array(rl_gguf_kv_find(g, "strs"));
    rl_gguf_str s;
    for (size_t i = 0; i < 3; i++) {
        assert_true(rl_gguf_next_str(&a, &s));
        assert_int_equal(s.bytes, texts[i].bytes);
        assert_memory_equal(s.text, texts[i].text, s.bytes);
    }
    a = rl_gguf_kv_array(rl_gguf_kv_find(g, "f32s"));
    assert_true(rl_gguf_real_at(&a, 0) == 1.5 && signbit(rl_gguf_real_at(&a, 1)));
    a = rl_gguf_kv_array(rl_gguf_kv_find(g, "i32s"));
    assert_true(rl_gguf_int_at(&a, 0) == -1 && rl_gguf_int_at(&a, 1) == INT32_MAX);
    assert_int_equal(rl_gguf_kv_array(rl_gguf_kv_find(g, "none")).count, 0);
    assert_memory_equal(rl_gguf_tensor_find(g, "one")->data, ((float[]){1.5f, -0.0f, 1.5f}), 12);
    assert_memory_equal(rl_gguf_tensor_find(g, "two")->data, data, 108);
    rl_gguf_close(g);
    unlink(path);
    assert_int_equal(rmdir(dir), 0);
}

static void writer_refuses_what_the_reader_would(void **state)
{
    (void)state;
    char dir[] = "/tmp/rl-test-gguf-XXXXXX", path[64];
    rl_error err;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/out.gguf", dir);
    for (int c = 0; c < 10; c++) {
        static const char *const sentence[] = {"key 'k' is there already",
                                               "tensor name 't' is there already",
                                               "has dimensions that its format cannot have",
                                               "has dimensions that its format cannot have",
                                               "tensor name of 65 bytes",
                                               "key of 0 bytes",
                                               "is incomplete",
                                               "5 bytes for tensor 0 of 1, which lacks 4",
                                               "metadata 'late' after tensor data",
                                               "tensor 'late' after tensor data"};
        rl_gguf_writer *w;
        char name[66] = "";
        memset(name, 'n', 65);
        assert_int_equal(rl_gguf_writer_open(&w, path, &err), RL_OK);
        rl_gguf_put_u32(w, "k", 1);
        rl_gguf_put_tensor(w, "t", RL_F32, 1, (size_t[]){1});
        if (c == 0) rl_gguf_put_f32(w, "k", 2);
        if (c == 1) rl_gguf_put_tensor(w, "t", RL_F32, 1, (size_t[]){1});
        if (c == 2) rl_gguf_put_tensor(w, "u", RL_Q4_0, 1, (size_t[]){33});
        if (c == 3) rl_gguf_put_tensor(w, "u", RL_F32, 2, (size_t[]){SIZE_MAX / 4, 8});
        if (c == 4) rl_gguf_put_tensor(w, name, RL_F32, 1, (size_t[]){1});
        if (c == 5) rl_gguf_put_u32(w, "", 1);
        rl_status status = c == 7 ? rl_gguf_write(w, "12345", 5, &err) : RL_OK;
        if (c >= 8) assert_int_equal(rl_gguf_write(w, "12", 2, &err), RL_OK);
        if (c == 8) rl_gguf_put_u32(w, "late", 1);
        if (c == 9) rl_gguf_put_tensor(w, "late", RL_F32, 1, (size_t[]){1});
        if (c == 7)
            rl_gguf_writer_abandon(w);
        else
            status = rl_gguf_writer_commit(w, &err);
        assert_int_equal(status, RL_ERR_ARG);
        if (strstr(err.text, sentence[c]) == NULL)
            fail_msg("case %d: %s\nexpected: %s", c, err.text, sentence[c]);
    }
    assert_int_equal(rmdir(dir), 0); /* empty: no case left anything */
    rl_gguf_writer *w;
    assert_int_equal(rl_gguf_writer_open(&w, path, &err), RL_ERR_IO);
    assert_null(w);
}

/* ---- The vocabulary ---- */

/* Three pieces; `wrong` changes one thing. */
enum { NOTHING, NO_MODEL, OTHER_MODEL, NO_SCORES, FEW_SCORES, TYPES_AS_FLOATS, BOS_AS_TEXT, N_WRONG };

static rl_status vocab_of(int wrong, rl_gguf **g, rl_vocab **vocab, const char *path, rl_error *err)
{
    rl_gguf_writer *w;
    const rl_gguf_str texts[] = {
        {"<unk>",          5},
        {"<s>",            3},
        {"\xe2\x96\x81hi", 5}
    };
    assert_int_equal(rl_gguf_writer_open(&w, path, err), RL_OK);
    if (wrong != NO_MODEL)
        rl_gguf_put_str(w, "tokenizer.ggml.model", wrong == OTHER_MODEL ? "gpt2" : "llama");
    rl_gguf_put_strs(w, "tokenizer.ggml.tokens", texts, 3);
    if (wrong != NO_SCORES)
        rl_gguf_put_f32s(w, "tokenizer.ggml.scores", (float[]){0, 0, -1.5f}, wrong == FEW_SCORES ? 2 : 3);
    if (wrong == TYPES_AS_FLOATS)
        rl_gguf_put_f32s(w, "tokenizer.ggml.token_type", (float[]){2, 3, 1}, 3);
    else
        rl_gguf_put_i32s(w, "tokenizer.ggml.token_type", (int32_t[]){2, 3, 1}, 3);
    if (wrong == BOS_AS_TEXT)
        rl_gguf_put_str(w, "tokenizer.ggml.bos_token_id", "1");
    else
        rl_gguf_put_u32(w, "tokenizer.ggml.bos_token_id", 1);
    rl_gguf_put_bool(w, "tokenizer.ggml.add_space_prefix", false);
    assert_int_equal(rl_gguf_writer_commit(w, err), RL_OK);
    assert_int_equal(rl_gguf_open(g, path, err), RL_OK);
    return rl_gguf_vocab(*g, vocab, err);
}

static void vocabulary_is_read_and_checked(void **state)
{
    (void)state;
    static const char *const sentence[N_WRONG] = {
        [NO_MODEL] = "metadata has no 'tokenizer.ggml.model'",
        [OTHER_MODEL] = "tokenizer.ggml.model is 'gpt2', supported is 'llama'",
        [NO_SCORES] = "metadata has no 'tokenizer.ggml.scores'",
        [FEW_SCORES] = "3 tokens, 2 scores and 3 token types",
        [TYPES_AS_FLOATS] = "an array of f32, expected one of i32",
        [BOS_AS_TEXT] = "'tokenizer.ggml.bos_token_id' is of type string",
    };
    char dir[] = "/tmp/rl-test-gguf-XXXXXX", path[64];
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/v.gguf", dir);
    for (int wrong = NOTHING; wrong < N_WRONG; wrong++) {
        rl_gguf *g;
        rl_vocab *v;
        rl_error err;
        const rl_status status = vocab_of(wrong, &g, &v, path, &err);
        if (wrong == NOTHING) {
            assert_int_equal(status, RL_OK);
            assert_int_equal(v->n, 3);
            assert_true(v->pieces[2].bytes == 5 && memcmp(v->pieces[2].text, "\xe2\x96\x81hi", 5) == 0);
            assert_true(v->pieces[2].score == -1.5f && v->pieces[2].type == RL_PIECE_NORMAL);
            assert_true(v->pieces[0].type == RL_PIECE_UNKNOWN && v->pieces[1].type == RL_PIECE_CONTROL);
            assert_true(v->has_bos && v->bos == 1 && v->has_eos && v->eos == 2 && v->has_unk && v->unk == 0);
            assert_true(v->add_bos && !v->add_eos && !v->add_space_prefix);
        } else {
            assert_int_not_equal(status, RL_OK);
            assert_null(v);
            if (strstr(err.text, sentence[wrong]) == NULL)
                fail_msg("%s\nexpected: %s", err.text, sentence[wrong]);
        }
        rl_gguf_vocab_free(v);
        rl_gguf_close(g);
    }
    unlink(path);
    assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writer_output_reads_back),
        cmocka_unit_test(writer_refuses_what_the_reader_would),
        cmocka_unit_test(vocabulary_is_read_and_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
