/* origin.h - where samples come from: the context that a bench program writes beside its CSV
 * (perf/context.c), as far as it decides what the numbers may be compared with. */
#ifndef RL_ORIGIN_H
#define RL_ORIGIN_H

#include "gate/node.h"

#include <stdbool.h>

typedef struct {
    const char *key, *value;
} rl_part;

/* A class of machines, and what its name is made of. */
typedef struct {
    const char *class;
    const rl_part *parts;
    size_t n_parts;
} rl_machine;

typedef struct {
    rl_pool pool; /* owns everything */
    rl_machine machine;
    const char *commit; /* what the bench was built from; "unknown" */
    bool dirty, dry_run;
    bool injected;         /* rows of it were made slower on purpose (perf/inject.h) */
    const char *kernel;    /* of the operating system; "" unknown */
    const char *model;     /* which model file it ran on, rl_model_identity; "" none */
    const char *mode;      /* of the lane's run: "full" or "quick"; "" unknown */
    const char *date;      /* when its first launch began, as date.h reads it; "" unknown */
    const char *companion; /* "" unknown, "ran", or why the lane's companion did not: see measure.h */
    double load;           /* one-minute average when the first launch began; NaN unknown */
    const rl_part *code;   /* hashes of the bench's object code by what it is: "gemv/avx512", "common" */
    size_t n_code;         /* 0: not known */
} rl_origin;

/* Errors: RL_ERR_IO, RL_ERR_FORMAT; *o is empty then, and may be freed. */
rl_status rl_origin_parse(rl_origin *o, const char *file, const char *data, size_t n, rl_error *err);

/* The context of the samples in `csv`: <csv>.context.json, or else context.json in the same directory, as
 * `ridgeline run` leaves it. */
rl_status rl_origin_read(rl_origin *o, const char *csv, rl_error *err);
void rl_origin_free(rl_origin *o);

/* An object of texts, as parts; *n is 0 where it is absent. */
const rl_part *rl_parts_read(const rl_node *object, rl_pool *pool, size_t *n);

/* Reads "machine_class" and the object `made_of`, for origins and baselines alike. */
void rl_machine_read(rl_machine *m, const rl_node *class, const rl_node *made_of, rl_pool *pool);

/* The parts in which two classes differ, "cores: 2, here 4; isa: avx2, here avx512"; "" for none. */
const char *rl_machine_difference(const rl_machine *there, const rl_machine *here, rl_pool *pool);

/* What tells one model file from another: its size and a hash of its last MiB, which is weights and so
 * depends on the seed, too: "637699456-89abcdef01234567". RL_ERR_IO. */
rl_status rl_model_identity(const char *path, char out[64], rl_error *err);

#endif
