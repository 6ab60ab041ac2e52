/* ab_run.h - what an A/B run has measured so far, and what is made of it. Private to ab*.c. */
#ifndef RL_AB_RUN_H
#define RL_AB_RUN_H

#include "ab.h"

/* A row that both builds have. */
typedef struct {
    const char *name, *unit; /* unit of its times; "" unknown so far */
    const char *broken;      /* why it is not compared; NULL: it is */
    bool skipped[RL_ARMS];   /* by that build */
} rl_ab_row;

/* A row in one stage. */
typedef struct {
    rl_ab_row *row;
    double *times[RL_ARMS]; /* of its launches in order, two a block */
    size_t n_times[RL_ARMS];
    double *g[RL_ARMS]; /* values of its blocks; the old arm has none */
    size_t blocks;
} rl_ab_track;

typedef struct {
    const char *name;
    rl_ab_track *tracks;
    rl_paired_row *judged[RL_ARMS]; /* one for each track; the old arm's are not used */
    size_t n;
    size_t looks[RL_LOOKS]; /* at how many blocks */
    size_t blocks;          /* so far */
    size_t rows_before;     /* measured up to the look before; 0: there was none */
    double until_s;         /* no block is begun that would end later */
} rl_ab_stage;

typedef struct {
    rl_arm arm;
    const char *stage;
    size_t block; /* of the run, from 0 */
    double wall_s;
} rl_ab_launch;

typedef struct {
    const rl_ab_plan *plan;
    rl_verdict_set *v; /* its pool owns whatever is found here */
    rl_ab_bench bench;
    rl_gate *gate; /* what the findings are of */
    rl_ab_row *rows;
    size_t n_rows;
    rl_ab_stage screening, confirmation;
    size_t blocks;  /* of all stages, so far */
    double block_s; /* how long one takes */
    bool null_moved;
    rl_ab_launch *launches;
    size_t n_launches;
} rl_ab_run;

/* ab_verdict.c: findings and problems, from both stages. */
void rl_ab_conclude(rl_ab_run *ab);

/* ab_record.c: notes the launch that was just made; writes ab.json. */
void rl_ab_record_launch(rl_ab_run *ab, const char *stage, rl_arm arm);
rl_status rl_ab_record_write(const rl_ab_run *ab, const char *path, rl_error *err);

#endif
