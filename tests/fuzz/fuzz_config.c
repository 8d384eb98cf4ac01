/*
 * model/: a config.json and a gin file beside a fixed checkpoint, in both
 * modes. What is accepted gives two files of valid JSON, with the sizes that
 * the checkpoint has.
 *
 * The first byte says what is there: 1 the reference's mode, 2 a config.json,
 * 4 a gin file, 8 a head of its own. The rest is config.json, a line "---" and
 * the gin file.
 */
#include "fuzz.h"

#include "../unit/fake_checkpoint.h"
#include "base/json.h"
#include "model/model.h"

enum { REFERENCE = 1, HAS_CONFIG = 2, HAS_GIN = 4, UNTIED = 8 };

static void check_file(const struct buf *text, const char *member)
{
    struct error err;
    json_t *value = NULL;

    FUZZ_ASSERT(buf_status(text, &err) == 0);
    FUZZ_ASSERT(json_read(text->data, text->len, "file", ERR_CONFIG, &value,
                          &err) == 0);
    FUZZ_ASSERT(json_is_object(value));
    FUZZ_ASSERT(!member ||
                json_integer_value(json_object_get(value, member)) == 16);
    json_decref(value);
}

static void check_model(const struct model *m)
{
    struct buf config = BUF_INIT(64 << 20);
    struct buf generation = BUF_INIT(64 << 20);

    FUZZ_ASSERT(m->count >= 40 && m->parameters > 0);
    model_write_config(m, "float32", &config);
    model_write_generation_config(m, &generation);
    check_file(&config, "d_model");
    check_file(&generation, NULL);
    buf_done(&config);
    buf_done(&generation);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char line[] = "\n---\n";
    static struct checkpoint *checkpoints[2];
    unsigned flags = size ? data[0] : 0;
    const char *text = (const char *)data + 1;
    size_t len = size ? size - 1 : 0;
    struct model_options o = { 0 };
    struct model *m = NULL;
    struct error err = { 0 };
    const char *cut;

    if (!checkpoints[0]) {
        struct fake_model f = FAKE_TINY;

        checkpoints[0] = fake_model_new(f);
        f.untied = true;
        checkpoints[1] = fake_model_new(f);
    }
    cut = len ? memmem(text, len, line, strlen(line)) : NULL;
    o.compat = flags & REFERENCE ? MODEL_REFERENCE : MODEL_RIGHT;
    if (flags & HAS_CONFIG) {
        o.config = text;
        o.config_len = cut ? (size_t)(cut - text) : len;
    }
    if (flags & HAS_GIN) {
        o.gin = cut ? cut + strlen(line) : "";
        o.gin_len = cut ? len - (size_t)(cut - text) - strlen(line) : 0;
    }
    if (model_build(checkpoints[flags & UNTIED ? 1 : 0], &o, &m, &err) == 0)
        check_model(m);
    else
        FUZZ_ASSERT(err.code != ERR_INTERNAL && err.text[0]);
    model_free(m);
    return 0;
}
