/*
 * Collects statements from the options, config.json and the gin file, which
 * gin_model.c reads.
 */
#include "model/stated.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/gin_model.h"
#include "model/pretrained.h"

void stated_done(struct stated *s)
{
    for (size_t i = 0; i < s->count; i++) {
        free(s->items[i].key);
        free(s->items[i].origin);
        json_decref(s->items[i].value);
    }
    free(s->items);
    *s = (struct stated){ 0 };
}

const struct stated_item *stated_find(const struct stated *s, const char *key)
{
    for (size_t i = 0; i < s->count; i++) {
        if (strcmp(s->items[i].key, key) == 0 &&
            !json_is_null(s->items[i].value))
            return &s->items[i];
    }
    return NULL;
}

/* Takes value over, also on failure. line 0: none. */
static int add(struct stated *s, const char *key, json_t *steal,
               const char *file, unsigned line, struct error *err)
{
    struct stated_item *grown =
        realloc(s->items, (s->count + 1) * sizeof *grown);
    struct stated_item item = { .value = steal };
    int n;

    if (grown)
        s->items = grown;
    n = line ? asprintf(&item.origin, "%s:%u", file, line)
             : asprintf(&item.origin, "%s", file);
    if (n < 0)
        item.origin = NULL;
    item.key = strdup(key);
    if (!grown || !steal || !item.key || !item.origin) {
        json_decref(steal);
        free(item.key);
        free(item.origin);
        return error_memory(err);
    }
    s->items[s->count++] = item;
    return 0;
}

/* The line of the first place where key stands in quotes, 0 for none. */
static unsigned line_of(const char *text, size_t len, const char *key)
{
    size_t n = strlen(key);
    const char *end = text + len;
    const char *at = text;
    unsigned line = 1;

    for (;; at++) {
        at = memmem(at, (size_t)(end - at), key, n);
        if (!at)
            return 0;
        if (at > text && at[-1] == '"' && at + n < end && at[n] == '"')
            break;
    }
    for (; text < at; text++)
        line += *text == '\n';
    return line;
}

/*
 * An alias wins over the name that it stands for, as in transformers, so
 * aliases come first.
 */
static int read_config(const struct model_options *o, json_t *config,
                       bool aliases, struct stated *s, struct error *err)
{
    const char *file = o->config_name ? o->config_name : "config.json";
    const char *key;
    json_t *value;
    int rc = 0;

    json_object_foreach (config, key, value) {
        const char *name = pretrained_alias(key);

        if (!rc && (name != key) == aliases)
            rc = add(s, name, json_incref(value), file,
                     line_of(o->config, o->config_len, key), err);
    }
    return rc;
}

static int warn_includes(const struct gin *g, struct warnings *w,
                         struct error *err)
{
    size_t count;
    const struct gin_include *includes = gin_includes(g, &count);
    int rc = 0;

    for (size_t i = 0; i < count && !rc; i++) {
        if (includes[i].origin == GIN_MISSING)
            rc = warnings_add(w, err,
                              "%s includes %s, which is not at hand: what it "
                              "binds is not known",
                              includes[i].file, includes[i].name);
    }
    return rc;
}

/* What the file says; refused where that can't be expressed. */
static int read_gin(const struct model_options *o, struct stated *s,
                    struct warnings *w, struct error *err)
{
    struct gin_model m = { 0 };
    struct gin *g = NULL;
    int rc =
        gin_load(o->gin, o->gin_len, o->gin_name ? o->gin_name : "model.gin",
                 o->gin_search, &g, err);

    if (!rc)
        rc = gin_model_read(g, &m, err);
    if (!rc && m.refusal_count > 0) {
        rc = (int)m.refusals[0].error.code;
        if (err)
            *err = m.refusals[0].error;
    }
    for (size_t i = 0; i < m.count && !rc; i++)
        rc = add(s, m.facts[i].key, json_incref(m.facts[i].value),
                 m.facts[i].at->file, m.facts[i].at->line, err);
    if (!rc)
        rc = warn_includes(g, w, err);
    gin_model_done(&m);
    gin_free(g);
    return rc;
}

int stated_read(const struct model_options *o, json_t *config,
                struct stated *out, struct warnings *w, struct error *err)
{
    int rc = 0;

    if (o->num_experts)
        rc = add(out, "num_experts", json_integer((json_int_t)o->num_experts),
                 "the num_experts option", 0, err);
    if (!rc)
        rc = read_config(o, config, true, out, err);
    if (!rc)
        rc = read_config(o, config, false, out, err);
    if (!rc && o->gin)
        rc = read_gin(o, out, w, err);
    return rc;
}
