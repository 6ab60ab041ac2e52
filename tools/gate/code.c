/* code.c - which hashes a row depends on. */
#include "gate/code.h"

#include <string.h>

static const char common[] = "common", probe[] = "probe", scalar[] = "scalar";

static const char *hash_of(rl_code_hashes h, const char *key)
{
    for (size_t i = 0; i < h.n; i++)
        if (strcmp(h.parts[i].key, key) == 0) return h.parts[i].value;
    return NULL;
}

/* Does text begin with the n bytes of `word`, and then end or go on with one of `ends`? */
static bool begins(const char *text, const char *word, size_t n, const char *ends)
{
    return strncmp(text, word, n) == 0 && (text[n] == '\0' || strchr(ends, text[n]) != NULL);
}

/* Rows that run more than the family that they are called after, or another: packed weights are gemv's, too; gemm's
 * kernels fall back on gemv's in some tiers; attention over a prompt is measured beside decoding it. */
static const struct {
    const char *row, *runs;
} others[] = {
    {"gemv-packed",  "gemv"       },
    {"gemm",         "gemv"       },
    {"gemm-lora",    "lora"       },
    {"gemm-lora",    "gemm"       },
    {"gemm-lora",    "gemv"       },
    {"attn_prefill", "attn_decode"},
};

/* Is "tokenizer_heap/scalar" of a family that the row runs, "tokenizer/..."? */
static bool of_family(const char *key, const char *row)
{
    if (begins(key, row, strcspn(row, "/"), "_/")) return true;
    for (size_t i = 0; i < RL_COUNT(others); i++)
        if (begins(row, others[i].row, strlen(others[i].row), "/") &&
            begins(key, others[i].runs, strlen(others[i].runs), "_/"))
            return true;
    return false;
}

static bool of_tier(const char *key, const char *isa)
{
    const char *tier = strrchr(key, '/');
    return tier != NULL && strcmp(tier + 1, isa) == 0;
}

static bool has_family(rl_code_hashes h, const char *row)
{
    for (size_t i = 0; i < h.n; i++)
        if (of_family(h.parts[i].key, row)) return true;
    return false;
}

static bool has_kernel(rl_code_hashes h, const char *row, const char *isa)
{
    for (size_t i = 0; i < h.n; i++)
        if (of_family(h.parts[i].key, row) && of_tier(h.parts[i].key, isa)) return true;
    return false;
}

static bool depends(const char *key, const char *row, const char *isa)
{
    if (strcmp(key, common) == 0 || begins(key, probe, strlen(probe), "_/")) return true;
    return of_family(key, row) && (of_tier(key, isa) || of_tier(key, scalar));
}

/* Whatever the row depends on of `a` is in b, and the same. */
static bool covered(rl_code_hashes a, rl_code_hashes b, const char *row, const char *isa, bool all)
{
    for (size_t i = 0; i < a.n; i++) {
        if (!all && !depends(a.parts[i].key, row, isa)) continue;
        const char *other = hash_of(b, a.parts[i].key);
        if (other == NULL || strcmp(other, a.parts[i].value) != 0) return false;
    }
    return true;
}

bool rl_code_same(rl_code_hashes then, rl_code_hashes now, const char *row, const char *isa)
{
    const bool all = !has_family(then, row) && !has_family(now, row);
    if (hash_of(then, common) == NULL || hash_of(now, common) == NULL) return false;
    if (all ? now.n < 2 : !has_kernel(now, row, isa)) return false; /* nothing but "common": no kernels */
    return covered(then, now, row, isa, all) && covered(now, then, row, isa, all);
}
