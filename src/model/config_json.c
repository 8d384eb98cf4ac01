/*
 * config.json and generation_config.json, as json.dumps(indent=2,
 * sort_keys=True) prints them.
 *
 * id2label has whole numbers as keys in Python, and sorts by them; JSON makes
 * text of them.
 */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "model/model.h"

static int compare_numbers(const void *a, const void *b)
{
    long long x = strtoll(*(const char *const *)a, NULL, 10);
    long long y = strtoll(*(const char *const *)b, NULL, 10);

    return (x > y) - (x < y);
}

static void put_labels(struct json_writer *w, json_t *labels)
{
    size_t n = json_object_size(labels);
    const char **keys = calloc(n ? n : 1, sizeof *keys);
    const char *key;
    json_t *value;
    size_t i = 0;

    if (!keys) {
        w->buf->failed = ERR_MEMORY;
        return;
    }
    json_object_foreach (labels, key, value)
        keys[i++] = key;
    qsort(keys, n, sizeof *keys, compare_numbers);
    json_open(w, '{');
    for (i = 0; i < n; i++) {
        json_key(w, keys[i]);
        json_value(w, json_object_get(labels, keys[i]));
    }
    json_close(w, '}');
    free(keys);
}

void model_write_config(const struct model *m, const char *dtype,
                        struct buf *out)
{
    static const char key[] = "torch_dtype";
    struct json_writer w = JSON_WRITER(out, JSON_STYLE_PYTHON);
    bool written = false;

    json_open(&w, '{');
    for (size_t i = 0; i < m->value_count; i++) {
        const struct model_value *v = &m->values[i];

        if (!written && strcmp(v->key, key) > 0) {
            json_key_str(&w, key, dtype);
            written = true;
        }
        json_key(&w, v->key);
        if (strcmp(v->key, "id2label") == 0 && json_is_object(v->value))
            put_labels(&w, v->value);
        else
            json_value(&w, v->value);
    }
    if (!written)
        json_key_str(&w, key, dtype);
    json_close(&w, '}');
    buf_putc(out, '\n');
}

void model_write_generation_config(const struct model *m, struct buf *out)
{
    struct json_writer w = JSON_WRITER(out, JSON_STYLE_PYTHON);

    json_value(&w, m->generation);
    buf_putc(out, '\n');
}
