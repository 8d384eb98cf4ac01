/*
 * switchyard gin: what a gin file says, once its includes and macros are
 * followed, and the config that convert would take from it.
 *
 * A file that is refused is printed all the same, since what it says is why;
 * the exit status tells the difference.
 */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cli/cli.h"
#include "model/gin_model.h"

/* Macros in containers multiply what a value prints as. */
#define MAX_TEXT ((size_t)64 << 20)

static int take_file(void *ctx, const char *value, struct error *err)
{
    struct cli_job *j = ctx;

    if (j->gin) {
        error_set(err, ERR_USAGE, "more than one gin file is given: '%.100s'",
                  value);
        return error_subject(err, "%.100s", value);
    }
    return cli_apply_gin(ctx, NULL, value, err);
}

static const struct cli_option options[] = {
    CLI_GIN_PATH,
    { "json", NULL, "print it as JSON", NULL, cli_apply_json },
    CLI_REMOTE_OPTIONS,
    { NULL, NULL, NULL, NULL, NULL },
};

static const struct cli_syntax syntax = {
    .command = "gin",
    .usage = "FILE [OPTION...]",
    .about = "Prints what a gin file says: its macros and parameters with all "
             "macros\nfollowed, the config that convert would take from it, "
             "and what Hugging Face's\nmodel cannot express. Nothing in the "
             "file is run.",
    .notes =
        "\nOf several bindings the last one counts. A reference prints as it "
        "stands there:\n\"@flax.linen.relu\" or, where it is called, "
        "\"@dense.MlpBlock()\"; a constant, or a\nmacro that nothing binds, "
        "as \"%gin.REQUIRED\". In JSON tuples are arrays, and a\ndict's keys "
        "that are not text become their gin text.\n\nAn include is looked for "
        "beside the file that has it, then in each gin-path,\nthen in what is "
        "known of flaxformer's and t5x's own files.\n\nExit status: 0 where a "
        "config comes out, 3 where the file is refused.\n",
    .options = options,
    .positional = take_file,
};

struct report {
    const struct gin *gin;
    const struct gin_model *model;
    struct buf *out;
    struct buf name; /* of the binding at hand */
};

static const char *name_of(struct report *r, const struct gin_binding *b)
{
    buf_clear(&r->name);
    gin_binding_print(b, &r->name);
    return buf_str(&r->name) ? buf_str(&r->name) : "";
}

/* ---- as JSON ---- */

static void json_bindings(struct report *r, struct json_writer *w, bool macros)
{
    size_t count;
    const struct gin_binding *const *b = gin_effective(r->gin, &count);

    json_open(w, '{');
    for (size_t i = 0; i < count; i++) {
        if (!b[i]->parameter != macros)
            continue;
        json_key(w, name_of(r, b[i]));
        gin_value_json(w, r->gin, &b[i]->value);
    }
    json_close(w, '}');
}

static void json_config(struct report *r, struct json_writer *w)
{
    json_open(w, '{');
    for (size_t i = 0; i < r->model->count; i++) {
        if (r->model->refusal_count > 0)
            break;
        json_key(w, r->model->facts[i].key);
        json_value(w, r->model->facts[i].value);
    }
    json_close(w, '}');
}

static void json_refusals(struct report *r, struct json_writer *w)
{
    json_open(w, '[');
    for (size_t i = 0; i < r->model->refusal_count; i++) {
        const struct gin_refusal *refusal = &r->model->refusals[i];

        json_open(w, '{');
        json_key_str(w, "detail", refusal->error.text);
        json_key_str(w, "file", refusal->at->file);
        json_key_u64(w, "line", refusal->at->line);
        json_key_str(w, "parameter", name_of(r, refusal->parameter));
        json_key_str(w, "actual", refusal->error.actual);
        json_key_str(w, "expected", refusal->error.expected);
        json_key_str(w, "hint", refusal->error.hint);
        json_close(w, '}');
    }
    json_close(w, ']');
}

/* How an include was found; "missing" where it was not. */
static const char *const origins[] = {
    [GIN_MISSING] = "missing",
    [GIN_READ] = "read",
    [GIN_KNOWN] = "known",
};

static void json_includes(struct report *r, struct json_writer *w)
{
    size_t count;
    const struct gin_include *includes = gin_includes(r->gin, &count);

    json_open(w, '[');
    for (size_t i = 0; i < count; i++) {
        json_open(w, '{');
        json_key_str(w, "name", includes[i].name);
        json_key_str(w, "origin", origins[includes[i].origin]);
        json_key_str(w, "file", includes[i].file);
        json_key_u64(w, "line", includes[i].line);
        json_close(w, '}');
    }
    json_close(w, ']');
}

static void write_json(struct report *r)
{
    struct json_writer w = JSON_WRITER(r->out, JSON_STYLE_PYTHON);
    size_t count;
    const struct gin_import *imports = gin_imports(r->gin, &count);

    json_open(&w, '{');
    json_key(&w, "includes");
    json_includes(r, &w);
    json_key(&w, "imports");
    json_open(&w, '[');
    for (size_t i = 0; i < count; i++)
        json_str(&w, imports[i].module);
    json_close(&w, ']');
    json_key(&w, "macros");
    json_bindings(r, &w, true);
    json_key(&w, "parameters");
    json_bindings(r, &w, false);
    json_key(&w, "config");
    json_config(r, &w);
    json_key(&w, "refusals");
    json_refusals(r, &w);
    json_close(&w, '}');
    buf_putc(r->out, '\n');
}

/* ---- for people ---- */

static void text_value(struct report *r, const struct gin_value *value)
{
    struct json_writer w = JSON_WRITER(r->out, JSON_STYLE_COMPACT);

    gin_value_json(&w, r->gin, value);
}

static void text_bindings(struct report *r, const char *title, bool macros)
{
    size_t count;
    const struct gin_binding *const *b = gin_effective(r->gin, &count);

    buf_printf(r->out, "%s:\n", title);
    for (size_t i = 0; i < count; i++) {
        if (!b[i]->parameter != macros)
            continue;
        buf_printf(r->out, "  %s = ", name_of(r, b[i]));
        text_value(r, &b[i]->value);
        buf_printf(r->out, "  # %s:%u\n", b[i]->file, b[i]->line);
    }
}

static void write_text(struct report *r)
{
    size_t count;
    const struct gin_include *includes = gin_includes(r->gin, &count);

    if (count > 0)
        buf_puts(r->out, "includes:\n");
    for (size_t i = 0; i < count; i++)
        buf_printf(r->out, "  %s (%s)\n", includes[i].name,
                   origins[includes[i].origin]);
    text_bindings(r, "macros", true);
    text_bindings(r, "parameters", false);
    if (r->model->refusal_count > 0)
        return;
    buf_puts(r->out, "config:\n");
    for (size_t i = 0; i < r->model->count; i++) {
        const struct gin_fact *fact = &r->model->facts[i];
        struct json_writer w = JSON_WRITER(r->out, JSON_STYLE_COMPACT);

        buf_printf(r->out, "  %s = ", fact->key);
        json_value(&w, fact->value);
        buf_printf(r->out, "  # %s:%u\n", fact->at->file, fact->at->line);
    }
}

static void print_warnings(const struct gin *g)
{
    size_t count;
    const struct gin_include *includes = gin_includes(g, &count);

    for (size_t i = 0; i < count; i++)
        if (includes[i].origin == GIN_MISSING)
            fprintf(stderr,
                    "switchyard: warning: %s includes %s, which is not at "
                    "hand: say --gin-path DIR\n",
                    includes[i].file, includes[i].name);
}

static int print(const struct cli_job *j, const struct gin *g,
                 const struct gin_model *m, struct error *err)
{
    struct buf text = BUF_INIT(MAX_TEXT);
    struct report r = { g, m, &text, BUF_INIT(8192) };
    int rc;

    if (j->json)
        write_json(&r);
    else
        write_text(&r);
    rc = cli_print(&text, err);
    print_warnings(g);
    buf_done(&r.name);
    buf_done(&text);
    return rc;
}

/* Prints the refusals of what is printed already; returns their code. */
static int refuse(const char *name, const struct gin_model *m,
                  struct error *err)
{
    for (size_t i = 0; i + 1 < m->refusal_count; i++)
        cli_print_error(&m->refusals[i].error);
    if (m->refusal_count > 0) {
        *err = m->refusals[m->refusal_count - 1].error;
        return (int)err->code;
    }
    if (m->count > 0)
        return 0;
    error_set(err, ERR_GIN, "%.200s says nothing of a model", name);
    error_subject(err, "%.200s", name);
    error_expected(err, "a Switch Transformer's macros or parameters");
    return error_hint(err, "give the gin file of the model, or of the run");
}

static int show(struct cli_job *j, struct error *err)
{
    const struct request *r = &j->request;
    struct request_search search;
    struct gin_model m = { 0 };
    struct gin *g = NULL;
    int rc;

    if (!r->gin_name) {
        error_set(err, ERR_USAGE, "no gin file is given");
        return error_hint(err, "switchyard gin FILE");
    }
    request_gin_search(r, NULL, &search);
    rc =
        gin_load(r->gin.data, r->gin.len, r->gin_name, &search.search, &g, err);
    if (!rc)
        rc = gin_model_read(g, &m, err);
    if (!rc)
        rc = print(j, g, &m, err);
    j->answered = !rc;
    if (!rc)
        rc = refuse(r->gin_name, &m, err);
    gin_model_done(&m);
    gin_free(g);
    return rc;
}

int cmd_gin(int argc, char **argv)
{
    return cli_job_main(&syntax, argc, argv, show);
}
