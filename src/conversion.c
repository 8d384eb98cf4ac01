/*
 * From request to published folder.
 *
 * The options of a conversion stand in one table, under the names that HTTP
 * requests use for them; the command line spells them with dashes.
 */
#include "conversion.h"

#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "verify.h"

/* config.json and gin files are a few kilobytes; larger ones are mistakes. */
enum { MAX_STATED_FILE = 4 << 20 };

void request_init(struct request *r)
{
    *r = (struct request){
        .gin = BUF_INIT(MAX_STATED_FILE),
        .config = BUF_INIT(MAX_STATED_FILE),
        .dtype = DTYPE_F32,
    };
}

void request_done(struct request *r)
{
    buf_done(&r->gin);
    buf_done(&r->config);
    for (size_t i = 0; i < r->gin_path_count; i++)
        store_free(r->gin_paths[i]);
    store_free(r->gin_store);
    free(r->gin_folder);
    free(r->gin_name);
    free(r->config_name);
    request_init(r);
}

/* The choices of an option that takes a word. */
struct choice {
    const char *word;
    int value;
};

static const struct choice dtypes[] = {
    { "float32", DTYPE_F32 },
    { "bfloat16", DTYPE_BF16 },
    { "float16", DTYPE_F16 },
    { "source", DTYPE_NONE },
    { NULL, 0 },
};

static const struct choice compats[] = {
    { "none", MODEL_RIGHT },
    { "reference", MODEL_REFERENCE },
    { NULL, 0 },
};

static const struct choice booleans[] = {
    { "true", 1 }, { "1", 1 }, { "false", 0 }, { "0", 0 }, { NULL, 0 },
};

static int choose(const char *name, const struct choice *choices,
                  const char *value, int *out, struct error *err)
{
    struct buf words = BUF_INIT(200);

    for (const struct choice *c = choices; c->word; c++) {
        if (!strcmp(c->word, value)) {
            *out = c->value;
            return 0;
        }
    }
    for (const struct choice *c = choices; c->word; c++)
        buf_printf(&words, "%s%s", c == choices ? "" : ", ", c->word);
    error_set(err, ERR_USAGE, "%s cannot be '%.64s'", name, value);
    error_subject(err, "%s", name);
    error_actual(err, "%.64s", value);
    error_expected(err, "one of %s", buf_str(&words) ? buf_str(&words) : "");
    buf_done(&words);
    return ERR_USAGE;
}

static int set_num_experts(struct request *r, const char *value,
                           struct error *err)
{
    return num_parse_uint("num_experts", value, 1, 1000000, &r->num_experts,
                          err);
}

static int set_dtype(struct request *r, const char *value, struct error *err)
{
    int dtype = DTYPE_F32;
    int rc = choose("dtype", dtypes, value, &dtype, err);

    if (!rc)
        r->dtype = (enum dtype)dtype;
    return rc;
}

static int set_max_shard_size(struct request *r, const char *value,
                              struct error *err)
{
    int rc = num_parse_size("max_shard_size", value, &r->max_shard_size, err);

    if (!rc && r->max_shard_size == 0) {
        error_set(err, ERR_USAGE, "max_shard_size cannot be 0");
        rc = error_expected(err, "at least 1 byte");
    }
    return rc;
}

static int set_compat(struct request *r, const char *value, struct error *err)
{
    int compat = MODEL_RIGHT;
    int rc = choose("compat", compats, value, &compat, err);

    if (!rc)
        r->compat = (enum model_compat)compat;
    return rc;
}

static int set_allow_missing(struct request *r, const char *value,
                             struct error *err)
{
    int allow = 0;
    int rc = choose("allow_missing_chunks", booleans, value, &allow, err);

    if (!rc)
        r->allow_missing_chunks = allow != 0;
    return rc;
}

static int set_verify(struct request *r, const char *value, struct error *err)
{
    int verify = 0;
    int rc = choose("verify", booleans, value, &verify, err);

    if (!rc)
        r->verify = verify != 0;
    return rc;
}

static const struct {
    const char *name;
    int (*set)(struct request *r, const char *value, struct error *err);
} options[] = {
    { "num_experts", set_num_experts },
    { "dtype", set_dtype },
    { "max_shard_size", set_max_shard_size },
    { "compat", set_compat },
    { "allow_missing_chunks", set_allow_missing },
    { "verify", set_verify },
};

int request_set(struct request *r, const char *name, const char *value,
                bool *known, struct error *err)
{
    *known = true;
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        if (!strcmp(options[i].name, name))
            return options[i].set(r, value, err);
    *known = false;
    return 0;
}

static int set_text(struct buf *to, char **to_name, const char *name,
                    const void *text, size_t len, struct error *err)
{
    char *copy = strdup(name);
    int rc;

    if (!copy)
        return error_memory(err);
    buf_clear(to);
    buf_append(to, text, len);
    rc = buf_status(to, err);
    if (rc) {
        error_subject(err, "%s", name);
        free(copy);
        return rc;
    }
    free(*to_name);
    *to_name = copy;
    return 0;
}

int request_set_gin(struct request *r, const char *name, const void *text,
                    size_t len, struct error *err)
{
    return set_text(&r->gin, &r->gin_name, name, text, len, err);
}

int request_set_config(struct request *r, const char *name, const void *text,
                       size_t len, struct error *err)
{
    return set_text(&r->config, &r->config_name, name, text, len, err);
}

int request_set_gin_store(struct request *r, struct store *steal,
                          const char *folder, struct error *err)
{
    char *copy = strdup(folder ? folder : "");

    if (!copy) {
        store_free(steal);
        return error_memory(err);
    }
    free(r->gin_folder);
    store_free(r->gin_store);
    r->gin_folder = copy;
    r->gin_store = steal;
    return 0;
}

int request_add_gin_path(struct request *r, struct store *steal,
                         struct error *err)
{
    if (r->gin_path_count == REQUEST_GIN_PATHS) {
        store_free(steal);
        return error_set(err, ERR_USAGE, "more than %d gin paths are given",
                         REQUEST_GIN_PATHS);
    }
    r->gin_paths[r->gin_path_count++] = steal;
    return 0;
}

void request_gin_search(const struct request *r, struct store *other,
                        struct request_search *out)
{
    struct gin_search *s = &out->search;

    *s = (struct gin_search){ .places = out->places };
    s->beside.store = r->gin_store ? r->gin_store : other;
    s->beside.folder = r->gin_folder ? r->gin_folder : "";
    if (*s->beside.folder)
        out->places[s->count++] = (struct gin_place){ s->beside.store, "" };
    for (size_t i = 0; i < r->gin_path_count; i++)
        out->places[s->count++] = (struct gin_place){ r->gin_paths[i], "" };
}

static int check_request(const struct request *r, struct error *err)
{
    if (r->compat != MODEL_REFERENCE)
        return 0;
    if (r->dtype != DTYPE_F32) {
        error_set(err, ERR_USAGE, "the reference writes float32 only");
        error_subject(err, "dtype");
        return error_hint(err, "leave out dtype, or compat=reference");
    }
    if (!r->gin_name && !r->config_name) {
        error_set(err, ERR_USAGE,
                  "compat=reference needs a gin file or a config.json, as the "
                  "reference does");
        return error_hint(err, "give one, or leave out compat=reference: the "
                               "tensors tell the rest");
    }
    return 0;
}

/* The text, which is not NULL even where a file is empty. */
static const void *text_of(const struct buf *b, const char *name)
{
    return !name ? NULL : b->data ? (const void *)b->data : "";
}

static struct model_options model_options_of(const struct request *r)
{
    return (struct model_options){
        .compat = r->compat,
        .gin = text_of(&r->gin, r->gin_name),
        .gin_len = r->gin.len,
        .gin_name = r->gin_name,
        .config = text_of(&r->config, r->config_name),
        .config_len = r->config.len,
        .config_name = r->config_name,
        .num_experts = r->num_experts,
    };
}

int conversion_plan(struct checkpoint *steal, const struct request *r,
                    struct conversion *out, struct error *err)
{
    struct conversion c = { .checkpoint = steal };
    struct model_options mo = model_options_of(r);
    const struct plan_options po = { .dtype = r->dtype,
                                     .max_shard_size = r->max_shard_size };
    struct request_search gin;
    int rc = check_request(r, err);

    request_gin_search(r, r->gin_with_checkpoint ? steal->store : NULL, &gin);
    mo.gin_search = &gin.search;
    if (!rc)
        rc = model_build(c.checkpoint, &mo, &c.model, err);
    if (!rc)
        rc = plan_make(c.checkpoint, c.model, &po, &c.plan, err);
    if (rc)
        conversion_done(&c);
    else
        *out = c;
    return rc;
}

void conversion_done(struct conversion *c)
{
    plan_free(c->plan);
    model_free(c->model);
    checkpoint_free(c->checkpoint);
    *c = (struct conversion){ NULL, NULL, NULL };
}

bool conversion_allows_missing(const struct request *r)
{
    return r->allow_missing_chunks || r->compat == MODEL_REFERENCE;
}

/* ERR_DIFFERENT unless the sink holds what the plan gives. */
static int read_again(const struct plan *p, struct sink *s,
                      const struct convert_options *o, struct error *err)
{
    struct verify_report *report = NULL;
    struct existing *written = NULL;
    struct store *store = NULL;
    int rc = sink_reread(s, &store, err);

    if (!rc)
        rc = existing_open_steal(store, "", &written, err);
    if (!rc)
        rc = verify_run(p, written, o, &report, err);
    if (!rc)
        rc = verify_check(report, err);
    verify_report_free(report);
    existing_free(written);
    return rc;
}

int conversion_run(const struct conversion *c, const struct request *r,
                   struct sink *s, const struct convert_options *o,
                   struct convert_report *report, struct error *err)
{
    struct convert_options run = *o;
    int rc;

    run.allow_missing_chunks = conversion_allows_missing(r);
    rc = convert_run(c->plan, s, &run, report, err);
    if (!rc && r->verify)
        rc = read_again(c->plan, s, &run, err);
    return rc ? rc : sink_publish(s, err);
}
