/* test_synth.c - synthetic models: the same bytes whatever the threads, published sizes, weights of the
 * promised scale, output rows that point at the embedding before; and what `model info` says about them. */
#include "util_guard.h"

#include "base/file.h"
#include "gguf_vocab.h"
#include "model_info.h"
#include "quant/dequant.h"
#include "synth.h"
#include "synth_weights.h"
#include "util_gguf.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- A vocabulary and a directory to work in ---- */

enum { N_PIECES = 700, FIRST_NORMAL = 259 };

typedef struct {
    char dir[32], path[64];
    char texts[N_PIECES][8];
    rl_piece pieces[N_PIECES];
    rl_vocab vocab;
    rl_synth_model model; /* tiny, q4_K_M */
} fixture;

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    rl_error err;
    strcpy(f->dir, "/tmp/rl-test-synth-XXXXXX");
    if (mkdtemp(f->dir) == NULL) return -1;
    snprintf(f->path, sizeof f->path, "%s/model.gguf", f->dir);
    for (uint32_t i = 0; i < N_PIECES; i++) {
        if (i < FIRST_NORMAL && i >= 3)
            snprintf(f->texts[i], sizeof f->texts[i], "<0x%02X>", (uint8_t)(i - 3));
        else
            snprintf(f->texts[i], sizeof f->texts[i], "%s%u", i < 3 ? "<" : "p", i);
        f->pieces[i] = (rl_piece){.text = f->texts[i],
                                  .bytes = (uint32_t)strlen(f->texts[i]),
                                  .score = i < FIRST_NORMAL ? 0 : -(float)(i - FIRST_NORMAL),
                                  .type = i == 0             ? RL_PIECE_UNKNOWN
                                          : i < 3            ? RL_PIECE_CONTROL
                                          : i < FIRST_NORMAL ? RL_PIECE_BYTE
                                                             : RL_PIECE_NORMAL};
    }
    f->vocab = (rl_vocab){.pieces = f->pieces,
                          .n = N_PIECES,
                          .bos = 1,
                          .eos = 2,
                          .has_bos = true,
                          .has_eos = true,
                          .has_unk = true,
                          .add_bos = true,
                          .add_space_prefix = true};
    f->model.vocab = &f->vocab;
    f->model.seed = 1;
    *state = f;
    return rl_synth_named(&f->model, "tiny", "q4_K_M", &err) == RL_OK ? 0 : -1;
}

static int teardown(void **state)
{
    fixture *f = *state;
    unlink(f->path);
    const int left = rmdir(f->dir); /* fails where a test left a file */
    free(f);
    return left;
}

static void write_model(const fixture *f, const rl_synth_model *m, size_t threads)
{
    rl_error err;
    if (rl_synth_write(f->path, m, threads, NULL, NULL, &err) != RL_OK) fail_msg("%s", err.text);
}

static rl_gguf *open_model(const fixture *f)
{
    rl_gguf *g;
    rl_error err;
    if (rl_gguf_open(&g, f->path, &err) != RL_OK) fail_msg("%s", err.text);
    return g;
}

/* FNV-1a of the file. */
static uint64_t file_hash(const fixture *f)
{
    char *data;
    size_t n;
    rl_error err;
    uint64_t hash = 0xcbf29ce484222325u;
    if (rl_file_read(f->path, (size_t)1 << 30, &data, &n, &err) != RL_OK) fail_msg("%s", err.text);
    for (size_t i = 0; i < n; i++) hash = (hash ^ (uint8_t)data[i]) * 0x100000001b3u;
    free(data);
    return hash;
}

/* ---- The plan ---- */

static void tinyllama_has_the_published_sizes(void **state)
{
    fixture *f = *state;
    rl_vocab vocab = f->vocab;
    vocab.n = 32000; /* the plan reads the number, not the pieces */
    static const struct {
        const char *mix;
        uint64_t layers, per_token; /* bytes of all 22 layers' matrices; bytes read to decode a token */
    } want[] = {
        {"q4_0",   544997376,  599127168 },
        {"q4_K_M", 576086016,  630215808 },
        {"q5_K_M", 682123264,  736253312 },
        {"q6_K",   794787840,  848918160 },
        {"q8_0",   1029439488, 1099442304},
        {"f16",    1937768448, 2069213184},
        {"bf16",   1937768448, 2069213184},
        {"f32",    3875536896, 4138057728},
    };
    for (size_t i = 0; i < RL_COUNT(want); i++) {
        rl_synth_model m = {.vocab = &vocab};
        rl_error err;
        assert_int_equal(rl_synth_named(&m, "tinyllama-1.1b", want[i].mix, &err), RL_OK);
        assert_int_equal(rl_synth_tensor_count(&m), 201);
        uint64_t layers = 0, weights = 0, embedding = 0, row = 0;
        for (size_t k = 0; k < 201; k++) {
            const rl_synth_tensor t = rl_synth_tensor_at(&m, k);
            const uint64_t n_bytes = t.rows * rl_row_bytes(t.format, t.cols);
            weights += t.rows * t.cols;
            if (strncmp(t.name, "blk.", 4) == 0 && t.kind != RL_SYNTH_NORM) layers += n_bytes;
            if (strcmp(t.name, "token_embd.weight") == 0) {
                embedding = n_bytes;
                row = rl_row_bytes(t.format, t.cols);
            }
        }
        assert_true(weights == 1100048384);
        assert_true(layers == want[i].layers);
        assert_true(rl_synth_tensor_bytes(&m) - embedding + row == want[i].per_token);
    }
}

static void q4_K_M_gives_more_bits_to_the_layers_that_llama_cpp_does(void **state)
{
    fixture *f = *state;
    static const size_t more[] = {0, 1, 4, 7, 10, 13, 16, 19, 20, 21};
    rl_synth_model m = f->model;
    rl_error err;
    assert_int_equal(rl_synth_named(&m, "tinyllama-1.1b", "q4_K_M", &err), RL_OK);
    for (size_t i = 0; i < rl_synth_tensor_count(&m); i++) {
        const rl_synth_tensor t = rl_synth_tensor_at(&m, i);
        size_t block;
        char name[32] = "";
        rl_format want = t.kind == RL_SYNTH_NORM ? RL_F32 : t.kind == RL_SYNTH_OUTPUT ? RL_Q6_K : RL_Q4_K;
        if (sscanf(t.name, "blk.%zu.%31[a-z_].weight", &block, name) == 2 &&
            (strcmp(name, "attn_v") == 0 || strcmp(name, "ffn_down") == 0))
            for (size_t k = 0; k < RL_COUNT(more); k++)
                if (more[k] == block) want = RL_Q6_K;
        if (t.format != want) fail_msg("%s is %s", t.name, rl_format_name(t.format));
    }
}

static void unknown_names_are_answered_with_the_known_ones(void **state)
{
    fixture *f = *state;
    rl_error err;
    assert_int_equal(rl_synth_named(&f->model, "huge", "q4_0", &err), RL_ERR_ARG);
    assert_string_equal(err.text, "there is no model shape 'huge'; there are: tinyllama-1.1b tiny");
    assert_int_equal(rl_synth_named(&f->model, "tiny", "Q4_0", &err), RL_ERR_ARG);
    assert_string_equal(err.text, "there is no model format 'Q4_0'; there are: f32 f16 bf16 q8_0 q4_0 q4_K_M "
                                  "q5_K_M q6_K");
}

/* ---- The file ---- */

/* Rows at both ends and in the middle of an f32 embedding are where they belong. */
static void check_stored_rows(const fixture *f, const rl_synth_model *m)
{
    const rl_synth_tensor t = rl_synth_tensor_at(m, 0);
    rl_gguf *g = open_model(f);
    for (size_t r = 0; r < t.rows; r += (t.rows - 1) / 2) {
        float row[256];
        rl_synth_row(row, m, &t, 0, r, NULL);
        assert_memory_equal((const float *)rl_gguf_tensor_at(g, 0)->data + r * 256, row, sizeof row);
    }
    rl_gguf_close(g);
}

static void the_bytes_do_not_depend_on_the_number_of_threads(void **state)
{
    fixture *f = *state;
    rl_vocab vocab = f->vocab; /* long enough for an embedding of several chunks */
    vocab.n = 9000;
    rl_piece *pieces = calloc(vocab.n, sizeof *pieces);
    for (size_t i = 0; i < vocab.n; i++) pieces[i] = f->pieces[i < N_PIECES ? i : N_PIECES - 1];
    vocab.pieces = pieces;
    static const char *const mixes[] = {"f32", "q4_K_M"};
    for (size_t i = 0; i < RL_COUNT(mixes); i++) {
        rl_synth_model m = {.vocab = &vocab, .seed = 5};
        rl_error err;
        assert_int_equal(rl_synth_named(&m, "tiny", mixes[i], &err), RL_OK);
        write_model(f, &m, 1);
        const uint64_t one = file_hash(f);
        for (size_t threads = 2; threads <= 3; threads++) {
            write_model(f, &m, threads);
            assert_true(file_hash(f) == one);
        }
        m.seed = 6;
        write_model(f, &m, 2);
        assert_true(file_hash(f) != one);
        if (m.mix->base == RL_F32) check_stored_rows(f, &m);
    }
    free(pieces);
}

/* Pinned: a baseline measured on a synthetic model means the same model tomorrow, on another machine and by
 * another compiler. Whoever changes the weights or a quantizer on purpose pins anew, and says so. */
static void the_files_are_the_same_as_ever(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *mix;
        uint64_t hash;
    } pins[] = {
        {"f32",    0xf396e5010d89dd49u},
        {"f16",    0x7ae7708baaf47cc8u},
        {"bf16",   0x5a8f2ac2da6423bfu},
        {"q8_0",   0x2d2f0cd4dcd4fffeu},
        {"q4_0",   0x65e7e4d82e014dd7u},
        {"q4_K_M", 0x6fc57c18d04ed486u},
        {"q5_K_M", 0xcb6b7faa298dc455u},
        {"q6_K",   0xfc1f050c1aa79ca3u},
    };
    for (size_t i = 0; i < RL_COUNT(pins); i++) {
        rl_synth_model m = f->model;
        rl_error err;
        assert_int_equal(rl_synth_named(&m, "tiny", pins[i].mix, &err), RL_OK);
        write_model(f, &m, 2);
        const uint64_t hash = file_hash(f);
        if (hash != pins[i].hash)
            fail_msg("%s: want 0x%016" PRIx64 "u got 0x%016" PRIx64 "u", pins[i].mix, pins[i].hash, hash);
    }
}

static void the_file_holds_the_plan_the_shape_and_the_vocabulary(void **state)
{
    fixture *f = *state;
    write_model(f, &f->model, 2);
    rl_gguf *g = open_model(f);
    rl_error err;
    const char *broken = util_gguf_walk(g);
    if (broken != NULL) fail_msg("%s", broken);
    static const struct {
        const char *key;
        uint32_t value;
    } want[] = {
        {"general.file_type",             15      },
        {"general.quantization_version",  2       },
        {"llama.vocab_size",              N_PIECES},
        {"llama.context_length",          2048    },
        {"llama.embedding_length",        256     },
        {"llama.block_count",             4       },
        {"llama.feed_forward_length",     768     },
        {"llama.attention.head_count",    4       },
        {"llama.attention.head_count_kv", 2       },
        {"llama.rope.dimension_count",    64      },
        {"ridgeline.synth.seed",          1       }
    };
    for (size_t i = 0; i < RL_COUNT(want); i++) {
        uint32_t got;
        if (rl_gguf_u32(g, want[i].key, RL_GGUF_REQUIRED, &got, &err) != RL_OK) fail_msg("%s", err.text);
        if (got != want[i].value) fail_msg("%s: want %u got %u", want[i].key, want[i].value, got);
    }
    float eps = 0, base = 0;
    assert_int_equal(rl_gguf_f32(g, "llama.attention.layer_norm_rms_epsilon", RL_GGUF_REQUIRED, &eps, &err),
                     RL_OK);
    assert_int_equal(rl_gguf_f32(g, "llama.rope.freq_base", RL_GGUF_REQUIRED, &base, &err), RL_OK);
    assert_true(eps == 1e-5f && base == 10000);
    for (size_t i = 0; i < rl_synth_tensor_count(&f->model); i++) {
        const rl_synth_tensor t = rl_synth_tensor_at(&f->model, i);
        rl_matrix m;
        if (rl_gguf_matrix(g, t.name, t.rows, t.cols, &m, &err) != RL_OK) fail_msg("%s", err.text);
        assert_int_equal(m.format, t.format);
    }
    assert_null(rl_gguf_tensor_at(g, rl_synth_tensor_count(&f->model)));
    rl_vocab *v;
    if (rl_gguf_vocab(g, &v, &err) != RL_OK) fail_msg("%s", err.text);
    assert_true(v->n == N_PIECES && v->bos == 1 && v->eos == 2 && v->unk == 0);
    assert_true(v->add_bos && !v->add_eos && v->add_space_prefix);
    for (size_t i = 0; i < N_PIECES; i++) {
        assert_true(v->pieces[i].bytes == f->pieces[i].bytes && v->pieces[i].type == f->pieces[i].type &&
                    v->pieces[i].score == f->pieces[i].score);
        assert_memory_equal(v->pieces[i].text, f->pieces[i].text, v->pieces[i].bytes);
    }
    rl_gguf_vocab_free(v);
    rl_gguf_close(g);
}

/* ---- The numbers ---- */

static void weights_have_the_scale_of_their_kind(void **state)
{
    fixture *f = *state;
    uint32_t prev[N_PIECES], order[N_PIECES];
    rl_synth_cycle(&f->vocab, f->model.seed, prev, order);
    for (size_t i = 0; i < rl_synth_tensor_count(&f->model); i++) {
        const rl_synth_tensor t = rl_synth_tensor_at(&f->model, i);
        const double unit = 1 / sqrt((double)t.cols);
        double want = unit, mean = 0, sum = 0, squares = 0, n = (double)(t.rows * t.cols);
        switch (t.kind) {
        case RL_SYNTH_EMBEDDING:
            want = 0.02;
            break;
        case RL_SYNTH_NORM:
            want = 0.1, mean = 1;
            break;
        case RL_SYNTH_PROJECTION:
            break;
        case RL_SYNTH_ATTENTION:
            want = 1.4 * unit;
            break;
        case RL_SYNTH_RESIDUAL:
            want = 1.6 * 0.02 * unit / sqrt(8);
            break;
        case RL_SYNTH_OUTPUT:
            continue; /* the next test's */
        }
        float row[768];
        for (size_t r = 0; r < t.rows; r++) {
            rl_synth_row(row, &f->model, &t, i, r, prev);
            for (size_t j = 0; j < t.cols; j++) {
                sum += (double)row[j] - mean;
                squares += ((double)row[j] - mean) * ((double)row[j] - mean);
            }
        }
        /* five standard errors of a mean and of a variance */
        if (!(fabs(sum / n) < 5 * want / sqrt(n)) ||
            !(fabs(squares / n / (want * want) - 1) < 5 * sqrt(2 / n)))
            fail_msg("%s: mean %g, deviation %g; expected %g, %g", t.name, mean + sum / n, sqrt(squares / n),
                     mean, want);
    }
}

static double dot(const float *a, const float *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)a[i] * (double)b[i];
    return sum;
}

/* Over the whole vocabulary: succ is one cycle of all normal pieces and no other; the row of succ(t) leans
 * towards the embedding of t as far as promised, other rows towards no embedding. */
static void output_rows_lean_towards_the_piece_before(void **state)
{
    fixture *f = *state;
    uint32_t prev[N_PIECES], order[N_PIECES];
    assert_int_equal(rl_synth_cycle(&f->vocab, f->model.seed, prev, order), N_PIECES - FIRST_NORMAL);
    uint32_t at = FIRST_NORMAL, steps = 0;
    do {
        assert_true(at >= FIRST_NORMAL && at < N_PIECES);
        at = prev[at];
        steps++;
    } while (at != FIRST_NORMAL && steps <= N_PIECES);
    assert_int_equal(steps, N_PIECES - FIRST_NORMAL);

    const size_t last = rl_synth_tensor_count(&f->model) - 1;
    const rl_synth_tensor embd = rl_synth_tensor_at(&f->model, 0), out = rl_synth_tensor_at(&f->model, last);
    double least = 1e9, most = 0, stray = 0;
    for (uint32_t id = 0; id < N_PIECES; id++) {
        float row[256], before[256], other[256];
        rl_synth_row(row, &f->model, &out, last, id, prev);
        rl_synth_row(other, &f->model, &embd, 0, (id * 13 + 7) % N_PIECES, prev);
        if (id < FIRST_NORMAL) {
            assert_true(prev[id] == RL_SYNTH_NO_PIECE);
            assert_true(sqrt(dot(row, row, 256)) < 0.25); /* faint: the others have 2 and more */
            continue;
        }
        rl_synth_row(before, &f->model, &embd, 0, prev[id], prev);
        /* What the row says for a hidden state that is the embedding, normed; and for another embedding. */
        const double hit = dot(row, before, 256) / sqrt(dot(before, before, 256) / 256);
        least = hit < least ? hit : least;
        most = hit > most ? hit : most;
        if ((id * 13 + 7) % N_PIECES != prev[id])
            stray += pow(dot(row, other, 256) / sqrt(dot(other, other, 256) / 256), 2);
    }
    /* 12 to 22 with the noise of the row itself, a deviation of 2 */
    assert_true(least > 12 - 8 && least < 14 && most > 20 && most < 22 + 8);
    const double rms = sqrt(stray / (N_PIECES - FIRST_NORMAL));
    assert_true(rms > 1.5 && rms < 3);
}

static void formats_hold_the_same_model(void **state)
{
    fixture *f = *state;
    float exact[256], stored[256];
    uint32_t prev[N_PIECES], order[N_PIECES];
    rl_synth_cycle(&f->vocab, f->model.seed, prev, order);
    for (size_t i = 0; rl_synth_mix_at(i) != NULL; i++) {
        rl_synth_model m = f->model;
        m.mix = rl_synth_mix_at(i);
        write_model(f, &m, 2);
        rl_gguf *g = open_model(f);
        rl_error err;
        for (size_t k = 0; k < rl_synth_tensor_count(&m); k++) {
            const rl_synth_tensor t = rl_synth_tensor_at(&m, k);
            if (t.cols != 256) continue;
            rl_matrix w;
            assert_int_equal(rl_gguf_matrix(g, t.name, t.rows, t.cols, &w, &err), RL_OK);
            const size_t r = t.rows * 2 / 3;
            rl_dequant_find(t.format, 0)->run(stored, rl_matrix_row(&w, r), 256);
            rl_synth_row(exact, &m, &t, k, r, prev);
            double square = 0;
            for (size_t j = 0; j < 256; j++)
                square += ((double)exact[j] - (double)stored[j]) * ((double)exact[j] - (double)stored[j]);
            if (!(square < 0.02 * dot(exact, exact, 256))) fail_msg("%s %s row %zu", m.mix->name, t.name, r);
        }
        rl_gguf_close(g);
    }
}

/* ---- Progress, failures, information ---- */

static void count_progress(void *arg, uint64_t done, uint64_t total)
{
    uint64_t *seen = arg; /* calls, last, total */
    assert_true(done > seen[1] && done <= total && (seen[0] == 0 || total == seen[2]));
    seen[0]++;
    seen[1] = done;
    seen[2] = total;
}

static void progress_rises_to_the_total(void **state)
{
    fixture *f = *state;
    uint64_t seen[3] = {0, 0, 0};
    rl_error err;
    assert_int_equal(rl_synth_write(f->path, &f->model, 0, count_progress, seen, &err), RL_OK);
    assert_true(seen[0] >= rl_synth_tensor_count(&f->model));
    assert_true(seen[1] == seen[2] && seen[2] == rl_synth_tensor_bytes(&f->model));
}

static void what_cannot_be_made_leaves_no_file(void **state)
{
    fixture *f = *state;
    rl_error err;
    rl_synth_shape shape = *f->model.shape;
    rl_synth_model m = f->model;
    m.shape = &shape;
    shape.n_head_kv = 3;
    assert_int_equal(rl_synth_write(f->path, &m, 1, NULL, NULL, &err), RL_ERR_ARG);
    assert_non_null(strstr(err.text, "4 heads and 3 key-value heads are not the shape of a Llama"));
    shape.n_head_kv = 2;
    shape.n_ff = 700;
    assert_int_equal(rl_synth_write(f->path, &m, 1, NULL, NULL, &err), RL_ERR_ARG);
    assert_non_null(strstr(err.text, "ffn_down.weight has rows of 700 values"));
    shape.n_ff = 768;
    rl_vocab vocab = f->vocab;
    vocab.n = FIRST_NORMAL + 1;
    m.vocab = &vocab;
    assert_int_equal(rl_synth_write(f->path, &m, 1, NULL, NULL, &err), RL_ERR_ARG);
    vocab.n = 0;
    assert_int_equal(rl_synth_write(f->path, &m, 1, NULL, NULL, &err), RL_ERR_ARG);
    assert_non_null(strstr(err.text, "two normal pieces"));
    m = f->model;
    assert_int_equal(rl_synth_write(f->path, &m, 100000, NULL, NULL, &err), RL_ERR_ARG);
    assert_int_not_equal(access(f->path, F_OK), 0);
    assert_int_equal(rl_synth_write("/dev/full/x", &m, 1, NULL, NULL, &err), RL_ERR_IO);
}

static void model_info_prints_what_there_is(void **state)
{
    fixture *f = *state;
    write_model(f, &f->model, 2);
    char *text = NULL;
    size_t n;
    rl_error err;
    FILE *out = open_memstream(&text, &n);
    assert_int_equal(rl_model_info(f->path, true, out, &err), RL_OK);
    fclose(out);
    static const char *const want[] = {
        "model.gguf: GGUF version 3, ",
        "  general.architecture                     string \"llama\"\n",
        "  llama.attention.layer_norm_rms_epsilon   f32    1e-05\n",
        "  tokenizer.ggml.tokens                    array  700 x string: \"<0\", \"<1\", ",
        "  tokenizer.ggml.add_bos_token             bool   true\n",
        "  token_embd.weight            q4_K         256 x 700       100800 ",
        "  blk.2.ffn_down.weight        q6_K         768 x 256       161280 ",
        "39 tensors, 3506432 weights in ",
        "  f32        9 tensors           9216 bytes\n",
        "bytes read per decoded token\n",
    };
    for (size_t i = 0; i < RL_COUNT(want); i++)
        if (strstr(text, want[i]) == NULL) fail_msg("not there: %s\n%s", want[i], text);
    free(text);
    text = NULL;

    out = open_memstream(&text, &n);
    assert_int_equal(rl_model_info(f->path, false, out, &err), RL_OK);
    fclose(out);
    assert_null(strstr(text, "blk.2.ffn_down.weight"));
    free(text);

    rl_gguf *g = open_model(f);
    const rl_model_sums sums = rl_model_sum(g);
    assert_true(sums.bytes == rl_synth_tensor_bytes(&f->model));
    assert_true(sums.bytes_per_token == sums.bytes - 699 * 144);
    rl_gguf_close(g);

    assert_int_equal(rl_model_info(f->dir, false, stdout, &err), RL_ERR_IO);
    out = fopen("/dev/full", "w");
    assert_non_null(out);
    assert_int_equal(rl_model_info(f->path, true, out, &err), RL_ERR_IO);
    fclose(out);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(tinyllama_has_the_published_sizes),
        CASE(q4_K_M_gives_more_bits_to_the_layers_that_llama_cpp_does),
        CASE(unknown_names_are_answered_with_the_known_ones),
        CASE(the_bytes_do_not_depend_on_the_number_of_threads),
        CASE(the_files_are_the_same_as_ever),
        CASE(the_file_holds_the_plan_the_shape_and_the_vocabulary),
        CASE(weights_have_the_scale_of_their_kind),
        CASE(output_rows_lean_towards_the_piece_before),
        CASE(formats_hold_the_same_model),
        CASE(progress_rises_to_the_total),
        CASE(what_cannot_be_made_leaves_no_file),
        CASE(model_info_prints_what_there_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
