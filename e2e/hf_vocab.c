/* hf_vocab.c - the pieces and merge rules of a tokenizer.json. */
#include "hf_vocab.h"

#include "base/mem.h"
#include "hf_rules.h"
#include "piece_index.h"

#include <stdio.h>
#include <string.h>

/* The file while it is read. */
typedef struct {
    rl_hf_file file;
    const cJSON *vocab, *merges, *added; /* added may be NULL */
    const char *unk;                     /* NULL: none */
    bool byte_fallback;
    size_t bound; /* more ids than there are pieces, added ones counted, cannot be */
    rl_vocab *v;
    rl_piece *pieces;
    rl_merge_rule *rules;
    char *text; /* where the next piece's goes */
    rl_piece_index index;
} reading;

static rl_status refuse_piece(const reading *r, const char *text, const char *what)
{
    char shown[64];
    return rl_fail(r->file.err, RL_ERR_FORMAT, "%s: piece '%s' %s", r->file.name,
                   rl_printable(shown, sizeof shown, text, strlen(text)), what);
}

/* ---- Pieces ---- */

/* Puts down a piece that no earlier one has the text or the id of. */
static rl_status put_piece(reading *r, const char *text, uint32_t id, int32_t type)
{
    rl_piece *p = &r->pieces[id];
    char what[128], shown[64];
    const size_t n = strlen(text);
    if (p->text != NULL) {
        snprintf(what, sizeof what, "has id %u, and so has '%s'", id,
                 rl_printable(shown, sizeof shown, p->text, p->bytes));
        return refuse_piece(r, text, what);
    }
    if (n > UINT32_MAX) return refuse_piece(r, text, "is longer than 4 GiB");
    memcpy(r->text, text, n);
    *p = (rl_piece){.text = r->text, .bytes = (uint32_t)n, .type = type};
    r->text += n;
    r->v->n++;
    return rl_piece_index_add(&r->index, id) == RL_PIECE_NONE ? RL_OK
                                                              : refuse_piece(r, text, "is there twice");
}

/* Names the piece where its id is none; only then, since that takes longer than all the rest. */
static rl_status piece_id(const reading *r, const cJSON *item, uint32_t *id)
{
    const rl_hf_file silent = {r->file.name, NULL};
    char place[128], shown[64];
    if (rl_hf_id(&silent, item, "", r->bound, id) == RL_OK) return RL_OK;
    snprintf(place, sizeof place, "piece '%s'",
             rl_printable(shown, sizeof shown, item->string, strlen(item->string)));
    return rl_hf_id(&r->file, item, place, r->bound, id);
}

static rl_status read_vocab(reading *r)
{
    rl_status status = RL_OK;
    for (const cJSON *item = r->vocab->child; item != NULL && status == RL_OK; item = item->next) {
        uint32_t id;
        status = piece_id(r, item, &id);
        if (status == RL_OK) status = put_piece(r, item->string, id, RL_PIECE_NORMAL);
    }
    return status;
}

typedef struct {
    const char *content;
    uint32_t id;
    bool special, normalized;
} added_token;

static rl_status read_added(const reading *r, const cJSON *item, const char *place, added_token *t)
{
    static const char *const refused[] = {"lstrip", "rstrip", "single_word"};
    const rl_hf_file *f = &r->file;
    const cJSON *content, *id;
    if (!cJSON_IsObject(item))
        return rl_fail(f->err, RL_ERR_FORMAT, "%s: %s is %s, expected an object", f->name, place,
                       rl_hf_kind_name(item));
    rl_status status = rl_hf_get(f, item, place, "content", RL_HF_REQUIRED, RL_HF_STRING, &content);
    if (status == RL_OK) status = rl_hf_get(f, item, place, "id", RL_HF_REQUIRED, RL_HF_NUMBER, &id);
    if (status == RL_OK) status = rl_hf_id(f, id, place, r->bound, &t->id);
    if (status != RL_OK) return status;
    t->content = content->valuestring;
    t->special = false;
    status = rl_hf_get_bool(f, item, place, "special", &t->special);
    t->normalized = !t->special;
    if (status == RL_OK) status = rl_hf_get_bool(f, item, place, "normalized", &t->normalized);
    for (size_t i = 0; i < RL_COUNT(refused) && status == RL_OK; i++) {
        bool set = false;
        status = rl_hf_get_bool(f, item, place, refused[i], &set);
        if (status == RL_OK && set)
            return rl_fail(f->err, RL_ERR_UNSUPPORTED, "%s: %s.%s is true, supported is false", f->name,
                           place, refused[i]);
    }
    return status;
}

/* An added token is a piece of the model, with its id, or a new one. */
static rl_status put_added(reading *r, const char *place, const added_token *t)
{
    const uint32_t there = rl_piece_index_find(&r->index, t->content, strlen(t->content));
    if (there == RL_PIECE_NONE) {
        const rl_status status = put_piece(r, t->content, t->id, RL_PIECE_NORMAL);
        if (status != RL_OK) return status;
        r->pieces[t->id].added = true;
    } else if (there != t->id) {
        return rl_fail(r->file.err, RL_ERR_FORMAT, "%s: %s has the id %u, and as a piece %u", r->file.name,
                       place, t->id, there);
    } else if (r->pieces[there].type != RL_PIECE_NORMAL) {
        return refuse_piece(r, t->content, "is added twice");
    }
    const bool unknown = r->unk != NULL && strcmp(r->unk, t->content) == 0;
    r->pieces[t->id].type = !t->special ? RL_PIECE_USER_DEFINED
                            : unknown   ? RL_PIECE_UNKNOWN
                                        : RL_PIECE_CONTROL;
    r->pieces[t->id].normalized = t->normalized;
    return RL_OK;
}

static rl_status read_all_added(reading *r)
{
    size_t i = 0;
    if (r->added == NULL) return RL_OK;
    for (const cJSON *item = r->added->child; item != NULL; item = item->next) {
        char place[48];
        added_token t;
        snprintf(place, sizeof place, "added_tokens[%zu]", i++);
        rl_status status = read_added(r, item, place, &t);
        if (status == RL_OK) status = put_added(r, place, &t);
        if (status != RL_OK) return status;
    }
    return RL_OK;
}

static rl_status check_gaps(const reading *r)
{
    for (size_t id = 0; id < r->v->n; id++)
        if (r->pieces[id].text == NULL)
            return rl_fail(r->file.err, RL_ERR_FORMAT,
                           "%s: no piece has the id %zu: the ids of %zu pieces must be 0 to %zu",
                           r->file.name, id, r->v->n, r->v->n - 1);
    return RL_OK;
}

static rl_status mark_bytes(const reading *r)
{
    for (unsigned c = 0; c < 256 && r->byte_fallback; c++) {
        char text[8];
        snprintf(text, sizeof text, "<0x%02X>", c);
        const uint32_t id = rl_piece_index_find(&r->index, text, 6);
        if (id == RL_PIECE_NONE)
            return rl_fail(r->file.err, RL_ERR_FORMAT,
                           "%s: model.byte_fallback is true, and '%s' is no piece", r->file.name, text);
        if (r->pieces[id].type != RL_PIECE_NORMAL)
            return refuse_piece(r, text, "is an added token and a byte piece");
        r->pieces[id].type = RL_PIECE_BYTE;
    }
    return RL_OK;
}

/* ---- Merge rules ---- */

/* The halves of "left right" or ["left", "right"]; what is wrong with it, else NULL. */
static const char *halves(const cJSON *item, const char **left, size_t *n_left, const char **right)
{
    if (cJSON_IsString(item)) {
        const char *space = strchr(item->valuestring, ' ');
        if (space == NULL || strchr(space + 1, ' ') != NULL)
            return "is not two pieces with one space between them";
        *left = item->valuestring, *n_left = (size_t)(space - *left), *right = space + 1;
        return NULL;
    }
    const cJSON *first = cJSON_IsArray(item) ? item->child : NULL,
                *second = first != NULL ? first->next : NULL;
    if (second == NULL || second->next != NULL || !cJSON_IsString(first) || !cJSON_IsString(second))
        return "is neither a string nor an array of two";
    *left = first->valuestring, *n_left = strlen(*left), *right = second->valuestring;
    return NULL;
}

static rl_status read_merges(reading *r)
{
    for (const cJSON *item = r->merges->child; item != NULL; item = item->next) {
        const char *left = "", *right = "";
        size_t n_left = 0;
        const char *what = halves(item, &left, &n_left, &right);
        if (what == NULL)
            what =
                rl_piece_index_rule(&r->index, left, n_left, right, strlen(right), &r->rules[r->v->n_merges]);
        if (what != NULL) {
            char shown[2][64];
            return rl_fail(r->file.err, RL_ERR_FORMAT, "%s: model.merges[%zu] ('%s' and '%s') %s",
                           r->file.name, r->v->n_merges,
                           rl_printable(shown[0], sizeof shown[0], left, n_left),
                           rl_printable(shown[1], sizeof shown[1], right, strlen(right)), what);
        }
        r->v->n_merges++;
    }
    return RL_OK;
}

/* ---- The whole ---- */

static rl_status read_model(reading *r, const cJSON *root)
{
    const rl_hf_file *f = &r->file;
    const cJSON *model, *unk;
    bool fuse = false;
    rl_status status = rl_hf_get(f, root, "", "model", RL_HF_REQUIRED, RL_HF_OBJECT, &model);
    if (status == RL_OK) status = rl_hf_check_rules(f, root, model);
    if (status == RL_OK)
        status = rl_hf_get(f, model, "model", "vocab", RL_HF_REQUIRED, RL_HF_OBJECT, &r->vocab);
    if (status == RL_OK)
        status = rl_hf_get(f, model, "model", "merges", RL_HF_REQUIRED, RL_HF_ARRAY, &r->merges);
    if (status == RL_OK)
        status = rl_hf_get(f, model, "model", "unk_token", RL_HF_OPTIONAL, RL_HF_STRING, &unk);
    if (status == RL_OK) status = rl_hf_get_bool(f, model, "model", "byte_fallback", &r->byte_fallback);
    if (status == RL_OK) status = rl_hf_get_bool(f, model, "model", "fuse_unk", &fuse);
    if (status == RL_OK)
        status = rl_hf_get(f, root, "", "added_tokens", RL_HF_OPTIONAL, RL_HF_ARRAY, &r->added);
    if (status != RL_OK) return status;
    r->unk = unk != NULL ? unk->valuestring : NULL;
    if (!fuse && !r->byte_fallback)
        return rl_fail(f->err, RL_ERR_UNSUPPORTED,
                       "%s: model.fuse_unk and byte_fallback are false, supported is one of them true",
                       f->name);
    return RL_OK;
}

/* One block: the vocabulary, its pieces, rules and their text. */
static rl_status make_room(reading *r)
{
    size_t n_merges = 0, n_text = 0, at_rules, at_text;
    for (const cJSON *item = r->vocab->child; item != NULL; item = item->next, r->bound++)
        n_text += strlen(item->string);
    for (const cJSON *item = r->added != NULL ? r->added->child : NULL; item != NULL;
         item = item->next, r->bound++) {
        const cJSON *member;
        if (!cJSON_IsObject(item)) continue;
        for (member = item->child; member != NULL; member = member->next)
            if (cJSON_IsString(member)) n_text += strlen(member->valuestring); /* its content, and no less */
    }
    for (const cJSON *item = r->merges->child; item != NULL; item = item->next) n_merges++;
    if (r->bound == 0 || r->bound > RL_VOCAB_MAX)
        return rl_fail(r->file.err, RL_ERR_FORMAT, "%s: %zu pieces and added tokens, 1 to %d are allowed",
                       r->file.name, r->bound, RL_VOCAB_MAX);
    const size_t at_pieces = rl_round_up(sizeof(rl_vocab), RL_LINE);
    at_rules = at_pieces + r->bound * sizeof(rl_piece);
    at_text = at_rules +
              (n_merges + 1) * sizeof(rl_merge_rule); /* one more: `merges` is no NULL where there are none */
    char *block = rl_alloc(at_text + n_text);         /* all counts are of things in memory: no overflow */
    if (block == NULL || !rl_piece_index_init(&r->index, (rl_piece *)(block + at_pieces), r->bound)) {
        rl_free(block);
        return rl_fail(r->file.err, RL_ERR_MEMORY, "%s: out of memory for %zu pieces", r->file.name,
                       r->bound);
    }
    r->v = (rl_vocab *)block;
    r->pieces = (rl_piece *)(block + at_pieces);
    r->rules = (rl_merge_rule *)(block + at_rules);
    r->text = block + at_text;
    *r->v = (rl_vocab){.pieces = r->pieces, .merges = r->rules, .mode = RL_MODE_HF};
    return RL_OK;
}

static void find_special(const reading *r, const char *text, uint32_t *id, bool *has)
{
    const uint32_t found = rl_piece_index_find(&r->index, text, strlen(text));
    if (*has || found == RL_PIECE_NONE || r->pieces[found].type != RL_PIECE_CONTROL) return;
    *id = found;
    *has = true;
}

static rl_status read_file(reading *r, const cJSON *root)
{
    rl_status status = read_model(r, root);
    if (status == RL_OK) status = make_room(r);
    if (status == RL_OK) status = rl_hf_normalizer(&r->file, root, &r->v->add_space_prefix);
    if (status == RL_OK) status = read_vocab(r);
    if (status == RL_OK) status = read_all_added(r);
    if (status == RL_OK) status = check_gaps(r);
    if (status == RL_OK) status = mark_bytes(r);
    if (status == RL_OK) status = read_merges(r);
    if (status == RL_OK) status = rl_hf_post_processor(&r->file, root, r->v);
    if (status != RL_OK) return status;
    find_special(r, "<s>", &r->v->bos, &r->v->has_bos);
    find_special(r, "</s>", &r->v->eos, &r->v->has_eos);
    if (r->unk == NULL) return RL_OK;
    r->v->unk = rl_piece_index_find(&r->index, r->unk, strlen(r->unk));
    r->v->has_unk = true;
    return r->v->unk != RL_PIECE_NONE ? RL_OK
                                      : refuse_piece(r, r->unk, "is model.unk_token, and is not there");
}

rl_status rl_hf_vocab(const char *text, size_t n_bytes, const char *name, rl_vocab **out, rl_error *err)
{
    reading r = {
        .file = {name, err}
    };
    cJSON *root;
    *out = NULL;
    rl_status status = rl_hf_parse(&r.file, text, n_bytes, &root);
    if (status == RL_OK) status = read_file(&r, root);
    cJSON_Delete(root);
    rl_piece_index_free(&r.index);
    if (status == RL_OK)
        *out = r.v;
    else
        rl_free(r.v);
    return status;
}

void rl_hf_vocab_free(rl_vocab *vocab) { rl_free(vocab); }
