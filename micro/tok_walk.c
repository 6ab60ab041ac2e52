/* tok_walk.c - words by position and by spelling. */
#include "tok_walk.h"
#include "base/random.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool space(char c) { return c == ' ' || c == '\n' || c == '\t'; }
static bool letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

static int by_spelling(const rl_walk_word *a, const rl_walk_word *b)
{
    const size_t n = a->bytes < b->bytes ? a->bytes : b->bytes;
    const int order = memcmp(a->text, b->text, n);
    return order != 0 ? order : a->bytes < b->bytes ? -1 : a->bytes > b->bytes;
}

/* The words in the order of their spelling, of equal ones in that of the text: pointers into one array. */
static int by_spelling_and_place(const void *a, const void *b)
{
    const rl_walk_word *x = *(const rl_walk_word *const *)a, *y = *(const rl_walk_word *const *)b;
    const int order = by_spelling(x, y);
    return order != 0 ? order : x < y ? -1 : x > y;
}

/* Counts the words of the text; with `words`, fills them in. */
static size_t split(const char *text, size_t n, rl_walk_word *words)
{
    size_t count = 0, i = 0;
    while (i < n && space(text[i])) i++;
    for (; i < n; count++) {
        const size_t from = i;
        while (i < n && !space(text[i])) i++;
        const size_t bytes = i - from;
        while (i < n && space(text[i])) i++;
        if (words != NULL)
            words[count] = (rl_walk_word){.text = text + from, .bytes = bytes, .all = i - from};
    }
    return count;
}

static void group(rl_walk *walk, rl_walk_word **sorted)
{
    for (size_t i = 0; i < walk->n; i++) sorted[i] = &walk->words[i];
    qsort(sorted, walk->n, sizeof *sorted, by_spelling_and_place);
    for (size_t first = 0, next; first < walk->n; first = next) {
        for (next = first; next < walk->n && by_spelling(sorted[first], sorted[next]) == 0; next++)
            walk->order[next] = (size_t)(sorted[next] - walk->words);
        for (size_t i = first; i < next; i++) {
            sorted[i]->first = first;
            sorted[i]->n_same = next - first;
        }
    }
}

rl_status rl_walk_open(rl_walk *walk, const char *text, size_t n, uint64_t seed, rl_error *err)
{
    *walk = (rl_walk){.n = split(text, n, NULL), .seed = seed};
    if (walk->n == 0) return rl_fail(err, RL_ERR_ARG, "a text without a word");
    rl_walk_word **sorted = malloc(walk->n * sizeof *sorted);
    walk->words = malloc(walk->n * sizeof *walk->words);
    walk->order = malloc(walk->n * sizeof *walk->order);
    rl_status status = RL_OK;
    if (sorted == NULL || walk->words == NULL || walk->order == NULL) {
        rl_walk_close(walk);
        status = rl_fail(err, RL_ERR_MEMORY, "out of memory for %zu words", walk->n);
    } else {
        split(text, n, walk->words);
        group(walk, sorted);
    }
    free(sorted);
    return status;
}

void rl_walk_close(rl_walk *walk)
{
    free(walk->words);
    free(walk->order);
    walk->words = NULL;
    walk->order = NULL;
}

/* Four letters or more, but for a sign or two at the end, which are no part of it: how many; 0 where it is not so. */
static size_t letters(const rl_walk_word *w)
{
    size_t n = 0;
    while (n < w->bytes && letter(w->text[n])) n++;
    return n >= 4 && w->bytes - n <= 2 && n < RL_WALK_WORD_MAX / 4 ? n : 0;
}

/* The rest of some word after this letter; *n: how long. The word itself's in the worst case. */
static const char *rest_after(rl_walk *walk, const rl_walk_word *own, size_t at, size_t *n)
{
    for (int tries = 0; tries < 64; tries++) {
        const rl_walk_word *other = &walk->words[rl_random(&walk->seed) % walk->n];
        const size_t length = letters(other);
        for (size_t i = 1; i + 1 < length; i++)
            if (other != own && other->text[i] == own->text[at]) {
                *n = length - i - 1;
                return other->text + i + 1;
            }
    }
    *n = letters(own) - at - 1;
    return own->text + at + 1;
}

static size_t make_up(rl_walk *walk, const rl_walk_word *w, size_t length, char *out)
{
    size_t n;
    const size_t at = 1 + rl_random(&walk->seed) % (length - 2);
    const char *rest = rest_after(walk, w, at, &n);
    memcpy(out, w->text, at + 1);
    memcpy(out + at + 1, rest, n);
    return at + 1 + n;
}

size_t rl_walk_next(rl_walk *walk, char out[RL_WALK_WORD_MAX])
{
    const rl_walk_word *here = &walk->words[walk->at];
    const size_t same = walk->order[here->first + rl_random(&walk->seed) % here->n_same];
    walk->at = (same + 1) % walk->n;
    const rl_walk_word *w = &walk->words[walk->at];
    size_t used = 0, from = 0;
    const size_t length = w->n_same == 1 ? letters(w) : 0;
    if (length > 0 && rl_random(&walk->seed) % 2 == 0) {
        used = make_up(walk, w, length, out);
        from = length;
    }
    size_t rest = w->all - from;
    if (rest > RL_WALK_WORD_MAX - used) rest = RL_WALK_WORD_MAX - used;
    memcpy(out + used, w->text + from, rest);
    return used + rest;
}
