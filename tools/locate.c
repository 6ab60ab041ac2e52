/* locate.c - a table of folders beside the registry's. */
#include "locate.h"

#include <stdbool.h>
#include <string.h>

/* A family's files are <folder>/<family>_<tier>.c, or <family>_<variant>_<tier>.c. */
static const struct {
    const char *family, *folder;
    bool by_variant;
} homes[] = {
    {"dequant",     "quant",     false},
    {"quantize",    "quant",     false},
    {"gemv",        "gemv",      false},
    {"attn_decode", "attention", false},
    {"ops",         "ops",       false},
    {"probe",       "probe",     false},
    {"tokenizer",   "tokenizer", true },
};

const char *rl_locate_kernel(const rl_registry_row *row, rl_pool *pool)
{
    for (size_t i = 0; i < RL_COUNT(homes); i++) {
        if (strcmp(homes[i].family, row->family) != 0) continue;
        return rl_pool_format(pool, "kernels/%s/%s_%s%s%s.c", homes[i].folder, row->family,
                              homes[i].by_variant ? row->format : "", homes[i].by_variant ? "_" : "",
                              rl_isa_name(row->kernel->isa));
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

const char *rl_locate_row(const char *benchmark, rl_pool *pool)
{
    const size_t family = strcspn(benchmark, "/");
    rl_registry_row row;
    for (size_t i = 0; (row = rl_registry_at(i)).kernel != NULL; i++)
        if (strlen(row.family) == family && strncmp(row.family, benchmark, family) == 0 &&
            has_component(benchmark, rl_isa_name(row.kernel->isa)) &&
            (row.format[0] == '\0' || has_component(benchmark, row.format)))
            return rl_locate_kernel(&row, pool);
    return NULL;
}
