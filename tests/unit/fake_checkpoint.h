/*
 * Checkpoints of metadata only: named arrays with shapes, whose chunks can't be
 * read. A model is made from exactly that.
 */
#ifndef SWITCHYARD_TESTS_FAKE_CHECKPOINT_H
#define SWITCHYARD_TESTS_FAKE_CHECKPOINT_H

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checkpoint/checkpoint.h"

static inline int fake_read_chunk(const struct array *a, uint64_t index,
                                  enum array_missing how, struct scratch *s,
                                  const void **data, bool *missing,
                                  struct error *err)
{
    (void)index;
    (void)how;
    (void)s;
    (void)data;
    (void)missing;
    return error_set(err, ERR_READ, "%s has no chunks", a->name);
}

static inline void fake_array_free(struct array *a)
{
    free(a->name);
    free(a);
}

static inline struct checkpoint *fake_new(void)
{
    struct checkpoint *c = calloc(1, sizeof *c);

    if (!c)
        abort();
    c->path = strdup("checkpoint_1");
    c->format = "t5x";
    c->step = 1;
    return c;
}

static inline void fake_free(struct checkpoint *c)
{
    for (size_t i = 0; i < c->count; i++)
        fake_array_free(c->arrays[i]);
    free(c->arrays);
    free(c->path);
    free(c);
}

static inline size_t fake_index(const struct checkpoint *c, const char *name)
{
    size_t i = 0;

    while (i < c->count && strcmp(c->arrays[i]->name, name) != 0)
        i++;
    return i;
}

/* Removes an array that is there. */
static inline void fake_remove(struct checkpoint *c, const char *name)
{
    size_t at = fake_index(c, name);

    if (at == c->count) {
        fprintf(stderr, "no array %s\n", name);
        abort();
    }
    fake_array_free(c->arrays[at]);
    c->count--;
    memmove(&c->arrays[at], &c->arrays[at + 1],
            (c->count - at) * sizeof(struct array *));
}

/* Adds an array, or replaces one; shape is "[2, 3]". */
static inline struct array *fake_add(struct checkpoint *c, const char *name,
                                     const char *shape)
{
    static const struct array_ops ops = { .read_chunk = fake_read_chunk,
                                          .free = fake_array_free };
    struct array *a = calloc(1, sizeof *a);
    size_t at;

    if (fake_index(c, name) < c->count)
        fake_remove(c, name);
    c->arrays = realloc(c->arrays, (c->count + 1) * sizeof *c->arrays);
    if (!a || !c->arrays)
        abort();
    a->ops = &ops;
    a->name = strdup(name);
    a->codec = "fake";
    a->dtype = DTYPE_F32;
    for (const char *p = shape; *p; p++) {
        if (*p >= '0' && *p <= '9') {
            a->shape[a->rank] = strtoull(p, (char **)(uintptr_t)&p, 10);
            a->chunk[a->rank] = a->shape[a->rank] ? a->shape[a->rank] : 1;
            a->rank++;
            p--;
        }
    }
    for (at = c->count; at > 0 && strcmp(c->arrays[at - 1]->name, name) > 0;
         at--)
        c->arrays[at] = c->arrays[at - 1];
    c->arrays[at] = a;
    c->count++;
    return a;
}

/* A whole Switch Transformer as t5x saves it. */
struct fake_model {
    unsigned vocab, d_model, heads, d_kv, d_ff, buckets, experts;
    const char *sparse[2]; /* a letter for each layer: s sparse, d dense */
    bool untied;
};

#define FAKE_TINY                                                              \
    ((struct fake_model){ .vocab = 64,                                         \
                          .d_model = 16,                                       \
                          .heads = 2,                                          \
                          .d_kv = 8,                                           \
                          .d_ff = 32,                                          \
                          .buckets = 32,                                       \
                          .experts = 4,                                        \
                          .sparse = { "dsds", "dsds" } })

static inline void fake_addf(struct checkpoint *c, const char *shape,
                             const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static inline void fake_addf(struct checkpoint *c, const char *shape,
                             const char *fmt, ...)
{
    char name[128];
    va_list args;

    va_start(args, fmt);
    vsnprintf(name, sizeof name, fmt, args);
    va_end(args);
    fake_add(c, name, shape);
}

static inline void fake_attention(struct checkpoint *c, const char *layer,
                                  const char *kind, unsigned d, unsigned inner)
{
    static const char *const names[] = { "query", "key", "value" };
    char shape[64];

    snprintf(shape, sizeof shape, "[%u, %u]", d, inner);
    for (size_t i = 0; i < 3; i++)
        fake_addf(c, shape, "%s/%s/%s/kernel", layer, kind, names[i]);
    snprintf(shape, sizeof shape, "[%u, %u]", inner, d);
    fake_addf(c, shape, "%s/%s/out/kernel", layer, kind);
}

static inline void fake_mlp(struct checkpoint *c, const char *layer,
                            const struct fake_model *m, bool sparse)
{
    char wi[64];
    char wo[64];
    char router[64];

    if (!sparse) {
        snprintf(wi, sizeof wi, "[%u, %u]", m->d_model, m->d_ff);
        snprintf(wo, sizeof wo, "[%u, %u]", m->d_ff, m->d_model);
        fake_addf(c, wi, "%s/mlp/wi/kernel", layer);
        fake_addf(c, wo, "%s/mlp/wo/kernel", layer);
        return;
    }
    snprintf(wi, sizeof wi, "[%u, %u, %u]", m->experts, m->d_model, m->d_ff);
    snprintf(wo, sizeof wo, "[%u, %u, %u]", m->experts, m->d_ff, m->d_model);
    snprintf(router, sizeof router, "[%u, %u]", m->d_model, m->experts);
    fake_addf(c, wi, "%s/mlp/expert/wi/kernel", layer);
    fake_addf(c, wo, "%s/mlp/expert/wo/kernel", layer);
    fake_addf(c, router, "%s/mlp/router/router_weights/w/kernel", layer);
}

static inline void fake_side(struct checkpoint *c, const struct fake_model *m,
                             bool decoder)
{
    const char *side = decoder ? "decoder" : "encoder";
    const char *sparse = m->sparse[decoder];
    char shape[64];
    char scale[32];
    char layer[64];

    snprintf(shape, sizeof shape, "[%u, %u]", m->heads, m->buckets);
    snprintf(scale, sizeof scale, "[%u]", m->d_model);
    fake_addf(c, shape, "%s/relpos_bias/rel_embedding", side);
    fake_addf(c, scale, "%s/%s_norm/scale", side, side);
    for (unsigned i = 0; sparse[i]; i++) {
        snprintf(layer, sizeof layer, "%s/layers_%u", side, i);
        fake_attention(c, layer, decoder ? "self_attention" : "attention",
                       m->d_model, m->heads * m->d_kv);
        if (decoder) {
            fake_attention(c, layer, "encoder_decoder_attention", m->d_model,
                           m->heads * m->d_kv);
            fake_addf(c, scale, "%s/pre_self_attention_layer_norm/scale",
                      layer);
            fake_addf(c, scale, "%s/pre_cross_attention_layer_norm/scale",
                      layer);
        } else {
            fake_addf(c, scale, "%s/pre_attention_layer_norm/scale", layer);
        }
        fake_addf(c, scale, "%s/pre_mlp_layer_norm/scale", layer);
        fake_mlp(c, layer, m, sparse[i] == 's');
    }
}

static inline struct checkpoint *fake_model_new(struct fake_model m)
{
    struct checkpoint *c = fake_new();
    char shape[64];

    snprintf(shape, sizeof shape, "[%u, %u]", m.vocab, m.d_model);
    fake_add(c, "token_embedder/embedding", shape);
    fake_side(c, &m, false);
    fake_side(c, &m, true);
    snprintf(shape, sizeof shape, "[%u, %u]", m.d_model, m.vocab);
    if (m.untied)
        fake_add(c, "decoder/logits_dense/kernel", shape);
    return c;
}

#endif
