/* tok_corpora.c - what each corpus is made of. */
#include "tok_corpora.h"
#include "base/embed.h"
#include "base/random.h"
#include "tok_walk.h"
#include "tok_words.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

RL_EMBED(rl_english, RL_ENGLISH_FILE);
RL_EMBED(rl_code, RL_CODE_FILE);

/* A corpus being written; what does not fit is cut off. */
typedef struct {
    char *text;
    size_t used;
} page;

static bool full(const page *p) { return p->used == RL_CORPUS_BYTES; }

static void put(page *p, const char *text, size_t n)
{
    if (n > RL_CORPUS_BYTES - p->used) n = RL_CORPUS_BYTES - p->used;
    memcpy(p->text + p->used, text, n);
    p->used += n;
}

static void put_text(page *p, const char *text) { put(p, text, strlen(text)); }

/* What was cut off inside of a character becomes line feeds. */
static void mend_end(page *p)
{
    size_t end = p->used;
    while (end > 0 && (p->text[end - 1] & 0xc0) == 0x80) end--;
    if (end == 0 || (p->text[end - 1] & 0x80) == 0) return;
    const unsigned char lead = (unsigned char)p->text[end - 1];
    const size_t announced = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (p->used - (end - 1) < announced) memset(p->text + end - 1, '\n', p->used - (end - 1));
}

/* ---- Prose and code -------------------------------------------------------------------------------- */

/* A text as it is, and a walk over it. */
static rl_status make_walk(page *p, const char *text, size_t n, uint64_t seed, rl_error *err)
{
    rl_walk walk;
    rl_status status = rl_walk_open(&walk, text, n, seed, err);
    if (status != RL_OK) return status;
    put(p, text, n);
    while (!full(p)) {
        char word[RL_WALK_WORD_MAX];
        put(p, word, rl_walk_next(&walk, word));
    }
    rl_walk_close(&walk);
    return RL_OK;
}

/* Turns of a few dozen words, taken off a walk of their own. */
static rl_status make_chat(page *p, rl_error *err)
{
    static const char *const who[] = {"<|user|>\n", "<|assistant|>\n"};
    rl_walk walk;
    rl_status status = rl_walk_open(&walk, rl_english, (size_t)(rl_english_end - rl_english), 5, err);
    if (status != RL_OK) return status;
    while (!full(p)) {
        put_text(p, "<|system|>\nYou are a helpful assistant.</s>\n");
        const size_t turns = 2 + rl_random(&walk.seed) % 8;
        for (size_t turn = 0; turn < turns; turn++) {
            put_text(p, who[turn % 2]);
            const size_t words = (turn % 2 == 0 ? 5 : 15) + rl_random(&walk.seed) % 40;
            for (size_t i = 0; i < words; i++) {
                char word[RL_WALK_WORD_MAX];
                put(p, word, rl_walk_next(&walk, word));
            }
            put_text(p, "</s>\n");
        }
    }
    rl_walk_close(&walk);
    return RL_OK;
}

/* ---- Scripts --------------------------------------------------------------------------------------- */

/* Words of a language, the first ones most often: rank as the square of a uniform number. */
static const char *frequent(const rl_words *w, uint64_t *seed)
{
    const double u = rl_random_unit(rl_random(seed));
    return w->words[(size_t)(u * u * (double)w->n)];
}

/* The beginning of one word, the end of another; characters are whole. */
static void put_spliced(page *p, const rl_words *w, uint64_t *seed)
{
    const char *a = frequent(w, seed), *b = frequent(w, seed);
    size_t head = strlen(a) / 2, tail = strlen(b) / 2;
    while ((a[head] & 0xc0) == 0x80) head++;
    while ((b[tail] & 0xc0) == 0x80) tail++;
    put(p, a, head);
    put_text(p, b + tail);
}

static void make_mixed(page *p)
{
    uint64_t seed = 2;
    while (!full(p)) {
        const rl_words *w = &rl_words_of[rl_random(&seed) % rl_n_words_of];
        const size_t sentences = 2 + rl_random(&seed) % 4;
        for (size_t s = 0; s < sentences; s++) {
            const size_t words = 4 + rl_random(&seed) % 14;
            for (size_t i = 0; i < words; i++) {
                if (i > 0) put_text(p, w->between);
                if (rl_random(&seed) % 6 == 0)
                    put_spliced(p, w, &seed);
                else
                    put_text(p, frequent(w, &seed));
            }
            put_text(p, w->stop);
        }
        if (rl_random(&seed) % 4 == 0) put_text(p, rl_emoji[rl_random(&seed) % rl_n_emoji]);
        put_text(p, "\n");
    }
}

/* ---- Records --------------------------------------------------------------------------------------- */

static void put_record(page *p, uint64_t *seed)
{
    static const char *const levels[] = {"info", "warning", "error", "debug"};
    static const char *const verbs[] = {"opened", "closed", "read", "written", "queued", "dropped"};
    static const char *const services[] = {"auth",   "billing",  "search-api",
                                           "ingest", "frontend", "db.primary"};
    const uint64_t r = rl_random(seed), s = rl_random(seed);
    char line[512];
    const char *level = levels[r & 3], *verb = verbs[(r >> 2) % 6], *service = services[(r >> 8) % 6];
    const unsigned time = (unsigned)(r >> 40), id = (unsigned)(s >> 32), size = (unsigned)(s & 0xffff);
    int n = 0;
    switch (s >> 16 & 3) {
    case 0:
        n = snprintf(
            line, sizeof line,
            "{\"ts\": 17%08u, \"level\": \"%s\", \"msg\": \"file %s\", \"id\": \"%08x\", \"bytes\": %u}\n",
            time, level, verb, id, size);
        break;
    case 1:
        n = snprintf(
            line, sizeof line,
            "2026-%02u-%02uT%02u:%02u:%02u.%03uZ [%s] %s: request %08x %s in %u.%03u ms (10.%u.%u.%u)\n",
            time % 12 + 1, time % 28 + 1, time % 24, time / 24 % 60, time / 1440 % 60, size % 1000, level,
            service, id, verb, size / 100, size % 1000, id & 255, id >> 8 & 255, id >> 16 & 255);
        break;
    case 2:
        n = snprintf(
            line, sizeof line,
            "{\"service\":\"%s\",\"user\":{\"id\":%u,\"roles\":[\"%s\",\"%s\"]},\"latency_ms\":%u.%02u,"
            "\"ok\":%s,\"trace\":\"%016llx\"}\n",
            service, id, level, verb, size / 64, size % 100, size & 1 ? "true" : "false",
            (unsigned long long)rl_random(seed));
        break;
    default:
        n = snprintf(line, sizeof line,
                     "        {\n          \"path\": \"/var/lib/%s/%08x.dat\",\n          \"size\": %u,\n"
                     "          \"state\": \"%s\",\n          \"score\": -%u.%u\n        },\n",
                     service, id, size, verb, size % 7, time % 10000);
        break;
    }
    put(p, line, (size_t)n);
}

static void make_json(page *p)
{
    uint64_t seed = 1;
    while (!full(p)) put_record(p, &seed);
}

/* ---- Without spaces, or with nothing else ---------------------------------------------------------- */

/* Random ones of these characters; of a single one, that all along. */
static void make_of(page *p, const char *characters, uint64_t seed)
{
    const size_t n = strlen(characters);
    while (!full(p)) put(p, &characters[rl_random(&seed) % n], 1);
}

static rl_status make(size_t i, page *p, const char **name, rl_error *err)
{
    static const char *const names[RL_CORPORA] = {"english", "mixed",  "code", "json",   "chat",
                                                  "letters", "base64", "dna",  "repeat", "spaces"};
    *name = names[i];
    switch (i) {
    case 0:
        return make_walk(p, rl_english, (size_t)(rl_english_end - rl_english), 3, err);
    case 1:
        make_mixed(p);
        return RL_OK;
    case 2:
        return make_walk(p, rl_code, (size_t)(rl_code_end - rl_code), 4, err);
    case 3:
        make_json(p);
        return RL_OK;
    case 4:
        return make_chat(p, err);
    case 5:
        make_of(p, "abcdefghijklmnopqrstuvwxyz", 6);
        return RL_OK;
    case 6:
        make_of(p, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", 7);
        return RL_OK;
    case 7:
        make_of(p, "ACGT", 8);
        return RL_OK;
    case 8:
        make_of(p, "a", 9);
        return RL_OK;
    default:
        make_of(p, " ", 10);
        return RL_OK;
    }
}

rl_status rl_corpora_make(rl_corpus **corpora, rl_error *err)
{
    *corpora = malloc(RL_CORPORA * (sizeof **corpora + RL_CORPUS_BYTES));
    if (*corpora == NULL) return rl_fail(err, RL_ERR_MEMORY, "out of memory for the corpora");
    char *text = (char *)(*corpora + RL_CORPORA);
    for (size_t i = 0; i < RL_CORPORA; i++, text += RL_CORPUS_BYTES) {
        page p = {.text = text};
        rl_corpus *c = &(*corpora)[i];
        rl_status status = make(i, &p, &c->name, err);
        if (status != RL_OK) {
            free(*corpora);
            *corpora = NULL;
            return status;
        }
        mend_end(&p);
        c->text = text;
        c->crc = rl_crc32(text, RL_CORPUS_BYTES);
    }
    return RL_OK;
}

size_t rl_corpus_cut(const rl_corpus *corpus, size_t bytes, size_t *starts)
{
    const size_t all = bytes < RL_CORPUS_BYTES ? RL_CORPUS_PART : RL_CORPUS_BYTES;
    size_t n = 0, at = 0;
    if (starts != NULL) starts[0] = 0;
    while (at + bytes <= all) {
        size_t end = at + bytes;
        while (end < RL_CORPUS_BYTES && end > at && (corpus->text[end] & 0xc0) == 0x80) end--;
        if (end == at) break;
        at = end;
        n++;
        if (starts != NULL) starts[n] = at;
    }
    return n;
}

uint32_t rl_crc32(const char *data, size_t n)
{
    uint32_t table[256], crc = 0xffffffffu;
    for (uint32_t i = 0; i < 256; i++) {
        table[i] = i;
        for (int bit = 0; bit < 8; bit++) table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0xedb88320u : 0);
    }
    for (size_t i = 0; i < n; i++) crc = crc >> 8 ^ table[(crc ^ (unsigned char)data[i]) & 0xff];
    return ~crc;
}
