/* locate.c - tables of folders and of benchmarks' names beside the registry's. */
#include "locate.h"
#include "base/format.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* A family's files are <folder>/<family>_<tier>.c, or <family>_<variant>_<tier>.c. */
static const struct {
    const char *family, *folder;
    bool by_variant;
} homes[] = {
    {"dequant",      "quant",     false},
    {"quantize",     "quant",     false},
    {"gemv",         "gemv",      false},
    {"gemm",         "gemm",      false},
    {"lora",         "gemm",      false},
    {"attn_decode",  "attention", false},
    {"attn_prefill", "attention", false},
    {"ops",          "ops",       false},
    {"probe",        "probe",     false},
    {"tokenizer",    "tokenizer", true },
};

/* Benchmarks that are not called as their kernels' family is; of some of its kernels, where `word` is in their names.
 * An adapter has a format of its own, which is not the one in the name. */
static const struct {
    const char *benchmark, *family, *word;
    bool any_format;
} others[] = {
    {"gemv-packed", "gemv", "_panels_", false},
    {"gemm-lora",   "lora", "",         true },
};

/* What not every processor of a tier has. Kernels that need it have files and names of their own. */
static const char *const features[] = {"i8mm_", "bf16_", "amx_", "amxbf16_"};

/* gemv's kernels on panels have files of their own, too: K formats', and the others'. The scalar ones are in one. */
static const char *variant_of(const rl_registry_row *row)
{
    rl_format format;
    for (size_t i = 0; i < RL_COUNT(features); i++) {
        char end[64];
        snprintf(end, sizeof end, "_%s_%s%s", row->format, features[i], rl_isa_name(row->kernel->isa));
        if (strstr(row->kernel->name, end) != NULL) return features[i];
    }
    if (strstr(row->kernel->name, "_panels_") == NULL) return "";
    const bool k =
        rl_format_from_name(row->format, &format) && rl_format_table[format].block_elems == RL_QK_K;
    return k && row->kernel->isa != RL_SCALAR ? "kpanels_" : "panels_";
}

const char *rl_locate_kernel(const rl_registry_row *row, rl_pool *pool)
{
    for (size_t i = 0; i < RL_COUNT(homes); i++) {
        if (strcmp(homes[i].family, row->family) != 0) continue;
        return rl_pool_format(pool, "kernels/%s/%s_%s%s%s%s.c", homes[i].folder, row->family,
                              homes[i].by_variant ? row->format : "", homes[i].by_variant ? "_" : "",
                              variant_of(row), rl_isa_name(row->kernel->isa));
    }
    return NULL;
}

/* Is `part` one of the name's components? */
static bool has_component(const char *name, const char *part)
{
    const size_t length = strlen(part);
    for (const char *c = name; c != NULL; c = strchr(c, '/')) {
        c += *c == '/';
        if (strncmp(c, part, length) == 0 && (c[length] == '/' || c[length] == '\0')) return true;
    }
    return false;
}

/* Is its first one `part`? */
static bool begins(const char *name, const char *part)
{
    const size_t length = strcspn(name, "/");
    return strlen(part) == length && strncmp(name, part, length) == 0;
}

/* Does the benchmark measure kernels like this one? */
static bool measures(const char *benchmark, const rl_registry_row *row)
{
    const bool format = row->format[0] == '\0' || has_component(benchmark, row->format);
    if (!has_component(benchmark, rl_isa_name(row->kernel->isa))) return false;
    for (size_t i = 0; i < RL_COUNT(others); i++)
        if (begins(benchmark, others[i].benchmark))
            return strcmp(row->family, others[i].family) == 0 && (format || others[i].any_format) &&
                   strstr(row->kernel->name, others[i].word) != NULL;
    return begins(benchmark, row->family) && format && strstr(row->kernel->name, "_panels_") == NULL;
}

const char *rl_locate_row(const char *benchmark, rl_pool *pool)
{
    rl_registry_row row, plainest = {0}; /* of those that differ by what a CPU needs beyond the tier */
    for (size_t i = 0; (row = rl_registry_at(i)).kernel != NULL; i++)
        if (measures(benchmark, &row) &&
            (plainest.kernel == NULL || row.kernel->needs < plainest.kernel->needs))
            plainest = row;
    return plainest.kernel != NULL ? rl_locate_kernel(&plainest, pool) : NULL;
}
