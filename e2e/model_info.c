/* model_info.c - a model file in words. */
#include "model_info.h"

#include <errno.h>
#include <inttypes.h>

static uint64_t weights_of(const rl_gguf_tensor *t)
{
    return (uint64_t)t->dims[0] * t->dims[1] * t->dims[2] * t->dims[3]; /* the reader checked that it fits */
}

rl_model_sums rl_model_sum(const rl_gguf *g)
{
    rl_model_sums s = {0};
    const rl_gguf_tensor *t;
    for (; (t = rl_gguf_tensor_at(g, s.n_tensors)) != NULL; s.n_tensors++) {
        s.weights += weights_of(t);
        s.bytes += t->bytes;
        s.format_tensors[t->format]++;
        s.format_bytes[t->format] += t->bytes;
    }
    s.bytes_per_token = s.bytes;
    t = rl_gguf_tensor_find(g, "token_embd.weight");
    if (t != NULL && rl_gguf_tensor_find(g, "output.weight") != NULL)
        s.bytes_per_token -= t->bytes - rl_row_bytes(t->format, t->dims[0]);
    return s;
}

static void print_str(FILE *out, rl_gguf_str s)
{
    char text[96];
    fprintf(out, "\"%s\"", rl_printable(text, sizeof text, s.text, s.bytes));
}

static void print_array(FILE *out, rl_gguf_array a)
{
    enum { SHOWN = 4 };
    const size_t shown = a.count < SHOWN ? a.count : SHOWN;
    fprintf(out, "%zu x %s", a.count, rl_gguf_type_name(a.type));
    if (a.type == RL_GGUF_ARRAY) return; /* how many is enough to know */
    for (size_t i = 0; i < shown; i++) {
        rl_gguf_str s;
        fputs(i == 0 ? ": " : ", ", out);
        if (a.type == RL_GGUF_F32 || a.type == RL_GGUF_F64)
            fprintf(out, "%g", rl_gguf_real_at(&a, i));
        else if (a.type != RL_GGUF_STR)
            fprintf(out, "%" PRId64, rl_gguf_int_at(&a, i));
        else if (rl_gguf_next_str(&a, &s))
            print_str(out, s);
    }
    if (a.type == RL_GGUF_STR ? a.count > 0 : a.count > shown) fputs(", ...", out);
}

static void print_value(FILE *out, const rl_gguf_kv *kv)
{
    switch (kv->type) {
    case RL_GGUF_STR:
        print_str(out, rl_gguf_kv_str(kv));
        break;
    case RL_GGUF_ARRAY:
        print_array(out, rl_gguf_kv_array(kv));
        break;
    case RL_GGUF_BOOL:
        fputs(rl_gguf_kv_int(kv) != 0 ? "true" : "false", out);
        break;
    case RL_GGUF_F32:
    case RL_GGUF_F64:
        fprintf(out, "%g", rl_gguf_kv_real(kv));
        break;
    case RL_GGUF_U64:
        fprintf(out, "%" PRIu64, (uint64_t)rl_gguf_kv_int(kv));
        break;
    default:
        fprintf(out, "%" PRId64, rl_gguf_kv_int(kv));
        break;
    }
}

static void print_metadata(FILE *out, const rl_gguf *g)
{
    const rl_gguf_kv *kv;
    char key[128];
    fputs("\nmetadata\n", out);
    for (size_t i = 0; (kv = rl_gguf_kv_at(g, i)) != NULL; i++) {
        fprintf(out, "  %-40s %-6s ", rl_printable(key, sizeof key, kv->key.text, kv->key.bytes),
                rl_gguf_type_name(kv->type));
        print_value(out, kv);
        fputc('\n', out);
    }
}

static void print_tensors(FILE *out, const rl_gguf *g)
{
    const rl_gguf_tensor *t;
    fputs("\ntensors (row length x rows, bytes, first byte)\n", out);
    for (size_t i = 0; (t = rl_gguf_tensor_at(g, i)) != NULL; i++) {
        char name[4 * RL_GGUF_NAME_MAX + 1], dims[96];
        int used = snprintf(dims, sizeof dims, "%zu", t->dims[0]);
        for (uint32_t d = 1; d < t->n_dims; d++)
            used += snprintf(dims + used, sizeof dims - (size_t)used, " x %zu", t->dims[d]);
        fprintf(out, "  %-28s %-5s %16s %12zu %12zu\n",
                rl_printable(name, sizeof name, t->name, strlen(t->name)), rl_format_name(t->format), dims,
                t->bytes, t->offset);
    }
}

static void print_sums(FILE *out, const rl_gguf *g)
{
    const rl_model_sums s = rl_model_sum(g);
    fprintf(out, "\n%zu tensors, %" PRIu64 " weights in %" PRIu64 " bytes", s.n_tensors, s.weights, s.bytes);
    if (s.weights > 0) fprintf(out, ", %.3f bits each", 8.0 * (double)s.bytes / (double)s.weights);
    fputc('\n', out);
    for (int f = 0; f < RL_FORMAT_COUNT; f++)
        if (s.format_tensors[f] > 0)
            fprintf(out, "  %-5s %6zu tensors %14" PRIu64 " bytes\n", rl_format_name((rl_format)f),
                    s.format_tensors[f], s.format_bytes[f]);
    if (s.n_tensors > 0) fprintf(out, "%" PRIu64 " bytes read per decoded token\n", s.bytes_per_token);
}

rl_status rl_model_info(const char *path, bool tensors, FILE *out, rl_error *err)
{
    rl_gguf *g;
    const rl_status status = rl_gguf_open(&g, path, err);
    if (status != RL_OK) return status;
    fprintf(out, "%s: GGUF version %" PRIu32 ", %zu bytes, data from byte %zu, alignment %zu\n", path,
            rl_gguf_version(g), rl_gguf_file_bytes(g), rl_gguf_data_offset(g), rl_gguf_alignment(g));
    print_metadata(out, g);
    if (tensors) print_tensors(out, g);
    print_sums(out, g);
    rl_gguf_close(g);
    if (fflush(out) != 0 || ferror(out)) return rl_fail(err, RL_ERR_IO, "cannot write: %s", strerror(errno));
    return RL_OK;
}
