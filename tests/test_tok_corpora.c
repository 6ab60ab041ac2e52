/* test_tok_corpora.c - the texts that tokenizers are measured on: the same bytes everywhere, whole characters, and a walk
 * that has the words it should have. */
#include "util_text.h"

#include "tok_corpora.h"
#include "tok_walk.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Whoever changes a corpus changes what baselines were measured on: recalibrate, then. */
static void corpora_are_these_bytes(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint32_t crc;
    } expected[RL_CORPORA] = {
        {"english", 0x2e1ba0f2},
        {"mixed",   0xd1575ac5},
        {"code",    0x18814724},
        {"json",    0x29767643},
        {"chat",    0xdf121a47},
        {"letters", 0x05e8f71e},
        {"base64",  0x51e6afdc},
        {"dna",     0x21a89cf0},
        {"repeat",  0xd7cd5672},
        {"spaces",  0xf10302a7},
    };
    rl_corpus *corpora, *again;
    rl_error err;
    assert_int_equal(rl_corpora_make(&corpora, &err), RL_OK);
    assert_int_equal(rl_corpora_make(&again, &err), RL_OK);
    for (size_t i = 0; i < RL_CORPORA; i++) {
        assert_string_equal(corpora[i].name, expected[i].name);
        if (corpora[i].crc != expected[i].crc) fail_msg("%s is %08x", corpora[i].name, corpora[i].crc);
        assert_memory_equal(corpora[i].text, again[i].text, RL_CORPUS_BYTES);
        assert_int_equal(rl_crc32(corpora[i].text, RL_CORPUS_BYTES), corpora[i].crc);
    }
    free(corpora);
    free(again);
}

static void the_crc_is_the_one_of_zlib(void **state)
{
    (void)state;
    assert_int_equal(rl_crc32("123456789", 9), 0xcbf43926u); /* the check value of the CRC catalogue */
    assert_int_equal(rl_crc32("", 0), 0);
}

/* Of valid UTF-8: where a character begins. */
static bool begins(char c) { return ((unsigned char)c & 0xc0) != 0x80; }

static void texts_are_whole_characters_one_after_the_other(void **state)
{
    (void)state;
    static const size_t sizes[] = {64, 1024, 10240, RL_CORPUS_BYTES};
    rl_corpus *corpora;
    rl_error err;
    assert_int_equal(rl_corpora_make(&corpora, &err), RL_OK);
    for (size_t c = 0; c < RL_CORPORA; c++)
        for (size_t s = 0; s < RL_COUNT(sizes); s++) {
            const size_t n = rl_corpus_cut(&corpora[c], sizes[s], NULL);
            const size_t all = s < 3 ? RL_CORPUS_PART : RL_CORPUS_BYTES;
            size_t *starts = malloc((n + 1) * sizeof *starts);
            assert_int_equal(rl_corpus_cut(&corpora[c], sizes[s], starts), n);
            assert_true(n >= all / sizes[s] && starts[0] == 0 && starts[n] <= all &&
                        starts[n] + sizes[s] > all);
            for (size_t i = 0; i < n; i++) {
                const size_t bytes = starts[i + 1] - starts[i];
                assert_true(bytes <= sizes[s] && bytes + 3 >= sizes[s] && begins(corpora[c].text[starts[i]]));
            }
            free(starts);
        }
    assert_true(begins(corpora[1].text[RL_CORPUS_BYTES - 1])); /* mixed: what was cut off is a line feed */
    free(corpora);
}

static void a_walk_follows_words_by_those_that_follow_them(void **state)
{
    (void)state;
    static const char text[] = "  a b\nc a  d ";
    rl_walk walk;
    rl_error err;
    char word[RL_WALK_WORD_MAX], before = 'a';
    assert_int_equal(rl_walk_open(&walk, text, sizeof text - 1, 1, &err), RL_OK);
    bool seen_b = false, seen_d = false;
    for (int i = 0; i < 200; i++) {
        const size_t n = rl_walk_next(&walk, word);
        assert_true((before == 'a' &&
                     ((n == 2 && memcmp(word, "b\n", 2) == 0) || (n == 2 && memcmp(word, "d ", 2) == 0))) ||
                    (before == 'b' && n == 2 && memcmp(word, "c ", 2) == 0) ||
                    (before == 'c' && word[0] == 'a') || (before == 'd' && word[0] == 'a'));
        seen_b = seen_b || word[0] == 'b';
        seen_d = seen_d || word[0] == 'd';
        before = word[0];
    }
    assert_true(seen_b && seen_d);
    rl_walk_close(&walk);
    assert_int_equal(rl_walk_open(&walk, " \n ", 3, 1, &err), RL_ERR_ARG);
}

static void half_of_the_rare_words_are_made_up(void **state)
{
    (void)state;
    static const char text[] = "common walking common talking. common sleeping, common weeping common ";
    rl_walk walk;
    rl_error err;
    char word[RL_WALK_WORD_MAX];
    int made = 0, rare = 0;
    assert_int_equal(rl_walk_open(&walk, text, sizeof text - 1, 2, &err), RL_OK);
    for (int i = 0; i < 1000; i++) {
        const size_t n = rl_walk_next(&walk, word);
        word[n] = '\0';
        if (strcmp(word, "common ") == 0) continue;
        rare++;
        made += strstr(text, word) == NULL;
        assert_true(n >= 4 && word[n - 1] == ' ');
    }
    assert_true(rare > 300 && made > rare / 20 && made < rare * 3 / 5);
    rl_walk_close(&walk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(corpora_are_these_bytes),
        cmocka_unit_test(the_crc_is_the_one_of_zlib),
        cmocka_unit_test(texts_are_whole_characters_one_after_the_other),
        cmocka_unit_test(a_walk_follows_words_by_those_that_follow_them),
        cmocka_unit_test(half_of_the_rare_words_are_made_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
