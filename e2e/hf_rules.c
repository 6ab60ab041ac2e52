/* hf_rules.c - normalizer, pre-tokenizer, post-processor and the model's switches of a tokenizer.json. */
#include "hf_rules.h"

#include <stdio.h>
#include <string.h>

#define SPACE_MARK "\xe2\x96\x81"

static rl_status unsupported(const rl_hf_file *f, const char *place, const char *found, const char *why)
{
    char shown[64];
    return rl_fail(f->err, RL_ERR_UNSUPPORTED, "%s: %s is '%s': %s", f->name, place,
                   rl_printable(shown, sizeof shown, found, strlen(found)), why);
}

/* ---- Switches ---- */

static rl_status check_model(const rl_hf_file *f, const cJSON *model)
{
    static const char *const affixes[] = {"continuing_subword_prefix", "end_of_word_suffix"};
    const char *type;
    const cJSON *item;
    rl_status status = rl_hf_type(f, model, "model", &type);
    if (status != RL_OK) return status;
    if (strcmp(type, "BPE") != 0) return unsupported(f, "model.type", type, "supported is BPE");
    for (size_t i = 0; i < RL_COUNT(affixes); i++) {
        status = rl_hf_get(f, model, "model", affixes[i], RL_HF_OPTIONAL, RL_HF_STRING, &item);
        if (status != RL_OK) return status;
        if (item != NULL && item->valuestring[0] != '\0') {
            char place[64];
            snprintf(place, sizeof place, "model.%s", affixes[i]);
            return unsupported(f, place, item->valuestring, "supported is none");
        }
    }
    status = rl_hf_get(f, model, "model", "dropout", RL_HF_OPTIONAL, RL_HF_NUMBER, &item);
    if (status != RL_OK) return status;
    if (item != NULL && item->valuedouble != 0)
        return rl_fail(f->err, RL_ERR_UNSUPPORTED,
                       "%s: model.dropout is %g: supported is none, as ids must not be random", f->name,
                       item->valuedouble);
    bool ignore = false;
    status = rl_hf_get_bool(f, model, "model", "ignore_merges", &ignore);
    if (status == RL_OK && ignore)
        return rl_fail(f->err, RL_ERR_UNSUPPORTED, "%s: model.ignore_merges is true, supported is false",
                       f->name);
    return status;
}

rl_status rl_hf_check_rules(const rl_hf_file *f, const cJSON *root, const cJSON *model)
{
    const cJSON *item;
    const char *type;
    rl_status status = check_model(f, model);
    if (status == RL_OK) status = rl_hf_get_any(f, root, "", "pre_tokenizer", &item);
    if (status != RL_OK) return status;
    if (item != NULL) {
        if ((status = rl_hf_type(f, item, "pre_tokenizer", &type)) != RL_OK) return status;
        return unsupported(
            f, "pre_tokenizer", type,
            "it cuts or marks the text in a way of its own before pieces merge, supported is null");
    }
    return rl_hf_get(f, root, "", "decoder", RL_HF_OPTIONAL, RL_HF_OBJECT, &item);
}

/* ---- The normalizer ---- */

typedef struct {
    bool prepend, replace;
} steps;

static rl_status read_prepend(const rl_hf_file *f, const cJSON *item, const char *place, steps *s)
{
    const cJSON *text;
    const rl_status status = rl_hf_get(f, item, place, "prepend", RL_HF_REQUIRED, RL_HF_STRING, &text);
    if (status != RL_OK) return status;
    if (strcmp(text->valuestring, SPACE_MARK) != 0)
        return unsupported(f, "Prepend's text", text->valuestring, "supported is U+2581");
    if (s->prepend || s->replace) return unsupported(f, place, "Prepend", "supported is one, before Replace");
    s->prepend = true;
    return RL_OK;
}

static rl_status read_replace(const rl_hf_file *f, const cJSON *item, const char *place, steps *s)
{
    const cJSON *pattern, *from, *to;
    rl_status status = rl_hf_get(f, item, place, "pattern", RL_HF_REQUIRED, RL_HF_OBJECT, &pattern);
    if (status == RL_OK) status = rl_hf_get(f, item, place, "content", RL_HF_REQUIRED, RL_HF_STRING, &to);
    if (status == RL_OK) status = rl_hf_get(f, pattern, place, "String", RL_HF_OPTIONAL, RL_HF_STRING, &from);
    if (status != RL_OK) return status;
    if (from == NULL)
        return unsupported(f, place, "Replace", "its pattern is no String, supported is a space");
    if (strcmp(from->valuestring, " ") != 0)
        return unsupported(f, "Replace's pattern", from->valuestring, "supported is a space");
    if (strcmp(to->valuestring, SPACE_MARK) != 0)
        return unsupported(f, "Replace's content", to->valuestring, "supported is U+2581");
    if (s->replace) return unsupported(f, place, "Replace", "supported is one");
    s->replace = true;
    return RL_OK;
}

static rl_status read_step(const rl_hf_file *f, const cJSON *item, const char *place, steps *s)
{
    const char *type;
    const rl_status status = rl_hf_type(f, item, place, &type);
    if (status != RL_OK) return status;
    if (strcmp(type, "Prepend") == 0) return read_prepend(f, item, place, s);
    if (strcmp(type, "Replace") == 0) return read_replace(f, item, place, s);
    return unsupported(f, place, type, "supported are Prepend and Replace");
}

rl_status rl_hf_normalizer(const rl_hf_file *f, const cJSON *root, bool *prefix)
{
    const cJSON *item, *list = NULL, *step;
    const char *type = "";
    steps s = {0};
    rl_status status = rl_hf_get_any(f, root, "", "normalizer", &item);
    if (status == RL_OK && item != NULL) status = rl_hf_type(f, item, "normalizer", &type);
    if (status != RL_OK) return status;
    if (strcmp(type, "Sequence") == 0) {
        status = rl_hf_get(f, item, "normalizer", "normalizers", RL_HF_REQUIRED, RL_HF_ARRAY, &list);
        if (status != RL_OK) return status;
        size_t i = 0;
        for (step = list->child; step != NULL && status == RL_OK; step = step->next) {
            char place[64];
            snprintf(place, sizeof place, "normalizer.normalizers[%zu]", i++);
            status = read_step(f, step, place, &s);
        }
    } else if (item != NULL) {
        status = read_step(f, item, "normalizer", &s);
    }
    if (status != RL_OK) return status;
    if (!s.replace)
        return rl_fail(
            f->err, RL_ERR_UNSUPPORTED,
            "%s: the normalizer leaves spaces as they are: supported is one that replaces them by U+2581",
            f->name);
    *prefix = s.prepend;
    return RL_OK;
}

/* ---- The post-processor ---- */

/* The one id that special_tokens gives a name of the template. */
static rl_status template_id(const rl_hf_file *f, const cJSON *processor, const char *token, size_t n,
                             uint32_t *id)
{
    const cJSON *tokens, *entry, *ids;
    rl_status status =
        rl_hf_get(f, processor, "post_processor", "special_tokens", RL_HF_REQUIRED, RL_HF_OBJECT, &tokens);
    if (status == RL_OK)
        status = rl_hf_get(f, tokens, "post_processor.special_tokens", token, RL_HF_REQUIRED, RL_HF_OBJECT,
                           &entry);
    if (status == RL_OK)
        status = rl_hf_get(f, entry, "post_processor.special_tokens entry", "ids", RL_HF_REQUIRED,
                           RL_HF_ARRAY, &ids);
    if (status != RL_OK) return status;
    if (ids->child == NULL || ids->child->next != NULL)
        return unsupported(f, "post_processor.special_tokens entry", token, "supported is one id for it");
    return rl_hf_id(f, ids->child, "post_processor.special_tokens entry's id", n, id);
}

/* Reads one part of the template: a special token, whose name goes to *token, or the text (NULL). */
static rl_status template_part(const rl_hf_file *f, const cJSON *part, const char **token)
{
    const cJSON *special, *text, *id;
    const char *const place = "post_processor.single part";
    *token = NULL;
    if (!cJSON_IsObject(part))
        return rl_fail(f->err, RL_ERR_FORMAT, "%s: %s is %s, expected an object", f->name, place,
                       rl_hf_kind_name(part));
    rl_status status = rl_hf_get(f, part, place, "SpecialToken", RL_HF_OPTIONAL, RL_HF_OBJECT, &special);
    if (status == RL_OK) status = rl_hf_get(f, part, place, "Sequence", RL_HF_OPTIONAL, RL_HF_OBJECT, &text);
    if (status != RL_OK) return status;
    if ((special == NULL) == (text == NULL))
        return rl_fail(f->err, RL_ERR_FORMAT, "%s: %s must be either a SpecialToken or a Sequence", f->name,
                       place);
    status = rl_hf_get(f, special != NULL ? special : text, place, "id", RL_HF_REQUIRED, RL_HF_STRING, &id);
    if (status != RL_OK) return status;
    if (special != NULL)
        *token = id->valuestring;
    else if (strcmp(id->valuestring, "A") != 0)
        return unsupported(f, place, id->valuestring, "supported is the Sequence A");
    return RL_OK;
}

rl_status rl_hf_post_processor(const rl_hf_file *f, const cJSON *root, rl_vocab *v)
{
    const cJSON *processor, *single;
    const char *type, *token;
    rl_status status = rl_hf_get_any(f, root, "", "post_processor", &processor);
    if (status != RL_OK || processor == NULL) return status;
    if ((status = rl_hf_type(f, processor, "post_processor", &type)) != RL_OK) return status;
    if (strcmp(type, "TemplateProcessing") != 0)
        return unsupported(f, "post_processor", type, "supported is TemplateProcessing");
    status = rl_hf_get(f, processor, "post_processor", "single", RL_HF_REQUIRED, RL_HF_ARRAY, &single);
    bool text_seen = false;
    for (const cJSON *part = single != NULL ? single->child : NULL; part != NULL && status == RL_OK;
         part = part->next) {
        if ((status = template_part(f, part, &token)) != RL_OK) break;
        bool *add = text_seen ? &v->add_eos : &v->add_bos;
        if (token == NULL ? text_seen : *add)
            return rl_fail(
                f->err, RL_ERR_UNSUPPORTED,
                "%s: post_processor.single has more parts than the text and one special token on each side",
                f->name);
        if (token == NULL) {
            text_seen = true;
            continue;
        }
        *add = *(text_seen ? &v->has_eos : &v->has_bos) = true;
        status = template_id(f, processor, token, v->n, text_seen ? &v->eos : &v->bos);
    }
    if (status == RL_OK && !text_seen)
        return rl_fail(f->err, RL_ERR_UNSUPPORTED, "%s: post_processor.single is without the text", f->name);
    return status;
}
