/* test_vocab_file.c - whichever kind of file it is: the kinds are told apart, one vocabulary is the same out of all of
 * them, and so are its ids; with Llama's files, where they are at hand. */
#include "gguf_write.h"
#include "util_models.h"
#include "util_text.h"
#include "util_vectors.h"
#include "util_vocab.h"
#include "vocab_file.h"

#include "base/file.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char dir[] = "/tmp/rl-test-vocab-XXXXXX", path[64];

static int make_dir(void **state)
{
    (void)state;
    if (mkdtemp(dir) == NULL) return -1;
    snprintf(path, sizeof path, "%s/model", dir);
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(dir);
}

static void write_file(const void *data, size_t n)
{
    rl_error err;
    if (rl_file_write(path, data, n, &err) != RL_OK) fail_msg("%s", err.text);
}

static rl_vocab_file *open_file(const char *name)
{
    rl_vocab_file *file;
    rl_error err;
    if (rl_vocab_file_open(&file, name, &err) != RL_OK) fail_msg("%s", err.text);
    return file;
}

static void assert_refused(const char *data, size_t n, const char *why)
{
    rl_vocab_file *file = (rl_vocab_file *)&file; /* must be overwritten */
    rl_error err = {0};
    write_file(data, n);
    assert_int_not_equal(rl_vocab_file_open(&file, path, &err), RL_OK);
    assert_null(file);
    util_assert_contains(err.text, path);
    util_assert_contains(err.text, why);
}

/* ---- The three kinds ---- */

/* Where `rules` are given, all scores are one. */
static void write_gguf(const rl_vocab *v, const char *const *rules, size_t n_rules)
{
    rl_gguf_str texts[300], merges[8];
    float scores[300];
    int32_t types[300];
    rl_gguf_writer *w;
    rl_error err;
    for (size_t i = 0; i < v->n; i++) {
        texts[i] = (rl_gguf_str){v->pieces[i].text, v->pieces[i].bytes};
        scores[i] = n_rules > 0 ? -1000 : v->pieces[i].score;
        types[i] = v->pieces[i].type;
    }
    for (size_t i = 0; i < n_rules; i++) merges[i] = (rl_gguf_str){rules[i], strlen(rules[i])};
    assert_int_equal(rl_gguf_writer_open(&w, path, &err), RL_OK);
    rl_gguf_put_str(w, "tokenizer.ggml.model", "llama");
    rl_gguf_put_strs(w, "tokenizer.ggml.tokens", texts, v->n);
    rl_gguf_put_f32s(w, "tokenizer.ggml.scores", scores, v->n);
    rl_gguf_put_i32s(w, "tokenizer.ggml.token_type", types, v->n);
    if (n_rules > 0) rl_gguf_put_strs(w, "tokenizer.ggml.merges", merges, n_rules);
    if (rl_gguf_writer_commit(w, &err) != RL_OK) fail_msg("%s", err.text);
}

static void one_vocabulary_is_the_same_out_of_all_kinds_of_file(void **state)
{
    (void)state;
    util_vocab v = util_vocab_few();
    util_vocab_add_bytes(&v);
    v.vocab.add_bos = true;
    for (int kind = 0; kind < 4; kind++) {
        util_bytes b = {0};
        if (kind == 0) b = util_spm_of(&v.vocab);
        if (kind == 1) b = util_hf_of(&v.vocab);
        if (kind == 2) { /* blanks before it */
            util_bytes json = util_hf_of(&v.vocab);
            util_puts(&b, "\n\t {\r\n");
            util_put(&b, json.data + 1, json.n - 1);
            util_bytes_free(&json);
        }
        if (kind < 3) write_file(b.data, b.n);
        if (kind == 3) write_gguf(&v.vocab, NULL, 0);
        rl_vocab_file *file = open_file(path);
        util_assert_vocabs(&v.vocab, rl_vocab_file_vocab(file), kind == 0 || kind == 3);
        rl_vocab_file_close(file);
        util_bytes_free(&b);
    }
    rl_vocab_file_close(NULL);
    util_vocab_free(&v);
}

/* The length of its first piece is the number of a brace. */
static void a_sentencepiece_model_that_begins_like_json_is_one(void **state)
{
    (void)state;
    util_vocab v = util_vocab_few();
    char text[116];
    memset(text, 'x', sizeof text);
    free((char *)v.pieces[0].text);
    v.pieces[0].text = memcpy(malloc(sizeof text), text, sizeof text);
    v.pieces[0].bytes = 0x7b - 2 - 5 - 2;
    util_bytes b = util_spm_of(&v.vocab);
    assert_memory_equal(b.data, "\n{\n", 3);
    write_file(b.data, b.n);
    rl_vocab_file *file = open_file(path);
    util_assert_vocabs(&v.vocab, rl_vocab_file_vocab(file), true);
    rl_vocab_file_close(file);
    util_bytes_free(&b);
    util_vocab_free(&v);
}

static void the_built_in_one_has_a_name(void **state)
{
    (void)state;
    rl_vocab_file *file = open_file("built-in");
    assert_int_equal(rl_vocab_file_vocab(file)->n, 32000);
    rl_vocab_file_vocab(file)->mode = RL_MODE_LLAMA_CPP; /* may be changed */
    rl_vocab_file_close(file);
}

static void what_is_none_of_them_is_refused_with_its_name(void **state)
{
    (void)state;
    rl_vocab_file *file;
    rl_error err;
    assert_int_equal(rl_vocab_file_open(&file, "/nowhere/at/all", &err), RL_ERR_IO);
    assert_string_equal(err.text, "/nowhere/at/all: cannot open: No such file or directory");
    assert_refused("", 0, "empty, expected a GGUF file, a tokenizer.json or a tokenizer.model");
    assert_refused("{", 1, "not JSON at byte");
    assert_refused(" {}", 3, "model is missing");
    assert_refused("GGUF", 4, "");
    assert_refused("text", 4, "byte 0");
}

/* ---- GGUF: merge rules in place of scores ---- */

static void gguf_files_without_scores_merge_by_their_rules(void **state)
{
    (void)state;
    util_vocab v = util_vocab_few();
    static const char *const rules[] = {"\xe2\x96\x81 a", "a b"}; /* the other way round than its scores */
    write_gguf(&v.vocab, rules, 2);
    rl_vocab_file *file = open_file(path);
    const rl_vocab *got = rl_vocab_file_vocab(file);
    assert_int_equal(got->n_merges, 2);
    assert_true(got->merges[0].left == 5 && got->merges[0].right == 3);
    assert_true(got->merges[1].left == 3 && got->merges[1].right == 4);
    rl_tokenizer *tok = util_tokenizer(got);
    rl_tokenizer_ctx *ctx = util_context(tok, NULL);
    uint32_t ids[16];
    size_t n;
    rl_error err;
    assert_int_equal(rl_tokenizer_encode(ctx, "ab", 2, 0, ids, 16, &n, &err), RL_OK);
    assert_true(n == 2 && ids[0] == 7 && ids[1] == 4);
    rl_tokenizer_ctx_close(ctx);
    rl_tokenizer_close(tok);
    rl_vocab_file_close(file);
    static const struct {
        const char *rule, *why;
    } bad[] = {
        {"ab",    "tokenizer.ggml.merges[0] 'ab' is not two pieces with a space between them"},
        {" a",    "tokenizer.ggml.merges[0] ' a' is not two pieces with a space between them"},
        {"a ",    "tokenizer.ggml.merges[0] 'a ' has an empty half"                          },
        {"a x",   "tokenizer.ggml.merges[0] 'a x' has a right half that is no piece"         },
        {"b a",   "tokenizer.ggml.merges[0] 'b a' makes what is no piece"                    },
        {"<s> a", "tokenizer.ggml.merges[0] '<s> a' has a left half that is no piece"        },
    };
    for (size_t i = 0; i < RL_COUNT(bad); i++) {
        write_gguf(&v.vocab, &bad[i].rule, 1);
        assert_int_equal(rl_vocab_file_open(&file, path, &err), RL_ERR_FORMAT);
        util_assert_contains(err.text, bad[i].why);
    }
    util_vocab_free(&v);
}

/* ---- Llama's ---- */

static void llamas_files_hold_one_vocabulary_and_give_one_list_of_ids(void **state)
{
    (void)state;
    static const char *const names[] = {RL_SHARED_DATA "/llama-vocab.gguf",
                                        RL_SHARED_DATA "/llama-tokenizer.model"};
    rl_vocab_file *file[2];
    char *data;
    size_t n;
    rl_error err;
    if (access(names[0], R_OK) != 0 || access(names[1], R_OK) != 0 ||
        rl_file_read(RL_SHARED_DATA "/tokenizer_cases.json", 1 << 24, &data, &n, &err) != RL_OK) {
        util_note_skip("Llama's vocabulary in two kinds of file (not in the shared data)");
        return;
    }
    cJSON *cases = cJSON_ParseWithLength(data, n), *one, *id;
    assert_true(cJSON_IsArray(cases));
    for (int i = 0; i < 2; i++) file[i] = open_file(names[i]);
    util_assert_vocabs(rl_vocab_file_vocab(file[0]), rl_vocab_file_vocab(file[1]), true);
    rl_tokenizer *tok = util_tokenizer(rl_vocab_file_vocab(file[1]));
    cJSON_ArrayForEach(one, cases)
    {
        char *text = cJSON_GetStringValue(cJSON_GetObjectItem(one, "text"));
        cJSON *list = cJSON_GetObjectItem(one, "ids");
        util_case c = {text, strlen(text), malloc((size_t)cJSON_GetArraySize(list) * sizeof(uint32_t) + 1),
                       0};
        cJSON_ArrayForEach(id, list) c.ids[c.n_ids++] = (uint32_t)cJSON_GetNumberValue(id);
        util_kernels_give_the_ids(tok, UTIL_CASE, &c);
        free(c.ids);
    }
    rl_tokenizer_close(tok);
    for (int i = 0; i < 2; i++) rl_vocab_file_close(file[i]);
    cJSON_Delete(cases);
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_vocabulary_is_the_same_out_of_all_kinds_of_file),
        cmocka_unit_test(a_sentencepiece_model_that_begins_like_json_is_one),
        cmocka_unit_test(the_built_in_one_has_a_name),
        cmocka_unit_test(what_is_none_of_them_is_refused_with_its_name),
        cmocka_unit_test(gguf_files_without_scores_merge_by_their_rules),
        cmocka_unit_test(llamas_files_hold_one_vocabulary_and_give_one_list_of_ids),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
