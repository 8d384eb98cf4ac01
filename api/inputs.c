/*
 * Requests of jobs.
 *
 * They are checked twice with the same code: when they come, so that a mistake
 * is told at once, and when the job runs, since by then an upload may be gone.
 * Texts stay in the request; files of uploads are read when the job runs.
 */
#include "inputs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "body.h"
#include "remote/url.h"

enum { OPTION_MAX = 64 };

static const char *const members[] = { "checkpoint", "gin", "config", "model" };

static int refuse(const char *member, const char *why, struct error *err)
{
    error_set(err, ERR_USAGE, "%.64s %s", member, why);
    return error_subject(err, "%.64s", member);
}

static const char *text_of(const json_t *request, const char *member)
{
    return json_string_value(json_object_get(request, member));
}

static bool is_input(const char *name)
{
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        if (!strcmp(members[i], name))
            return true;
    return false;
}

/* An option as text, as request_set() wants it. */
static int option_text(const char *name, const json_t *value,
                       char text[static OPTION_MAX], struct error *err)
{
    if (json_is_string(value))
        snprintf(text, OPTION_MAX, "%s", json_string_value(value));
    else if (json_is_integer(value))
        snprintf(text, OPTION_MAX, "%lld",
                 (long long)json_integer_value(value));
    else if (json_is_boolean(value))
        snprintf(text, OPTION_MAX, "%s",
                 json_is_true(value) ? "true" : "false");
    else
        return refuse(name, "is not a text, a number or a truth value", err);
    return 0;
}

/* The one way to write an option; NULL: no memory. */
static json_t *option_value(const char *text)
{
    size_t len = strlen(text);

    if (!strcmp(text, "true") || !strcmp(text, "false"))
        return json_boolean(*text == 't');
    if (len > 0 && len < 18 && strspn(text, "0123456789") == len)
        return json_integer(strtoll(text, NULL, 10));
    return json_string(text);
}

static int set_option(struct request *to, const char *name, const char *text,
                      struct error *err)
{
    bool known = true;
    int rc = request_set(to, name, text, &known, err);

    return known ? rc : refuse(name, "is not a member of a request", err);
}

int inputs_set_options(const json_t *request, struct request *to,
                       struct error *err)
{
    char text[OPTION_MAX];
    const char *name;
    json_t *value;
    int rc = 0;

    json_object_foreach ((json_t *)(uintptr_t)request, name, value) {
        if (is_input(name))
            continue;
        rc = option_text(name, value, text, err);
        if (!rc)
            rc = set_option(to, name, text, err);
        if (rc)
            return rc;
    }
    return 0;
}

static int write_options(json_t *request, struct error *err)
{
    char text[OPTION_MAX];
    const char *name;
    json_t *value;
    void *next;
    int rc = 0;

    json_object_foreach_safe(request, next, name, value)
    {
        if (is_input(name))
            continue;
        rc = option_text(name, value, text, err);
        if (!rc && json_object_set_new(request, name, option_value(text)) != 0)
            rc = error_memory(err);
        if (rc)
            return rc;
    }
    return 0;
}

int inputs_set(json_t *request, const char *name, const char *value,
               struct error *err)
{
    struct request options;
    bool known = true;
    int rc = 0;

    if (!strcmp(name, "model")) {
        if (json_object_set_new(request, name, json_string(value)) != 0)
            return error_memory(err);
        return stored_check_name(value, err);
    }
    request_init(&options);
    rc = request_set(&options, name, value, &known, err);
    request_done(&options);
    if (!known)
        return body_refuse_option(name, err);
    if (!rc && json_object_set_new(request, name, option_value(value)) != 0)
        rc = error_memory(err);
    return rc;
}

int inputs_checkpoint_id(const json_t *request,
                         char id[static UPLOADS_ID_MAX + 1], struct error *err)
{
    const char *text = text_of(request, "checkpoint");
    const char *path = "";
    char shown[100];

    if (!text)
        return refuse("checkpoint", "is missing or not a text", err);
    if (uploads_parse_reference(text, id, &path) && !*path)
        return 0;
    id[0] = '\0';
    if (sources_is(text))
        return 0;
    refuse("checkpoint", "is neither the name of an upload nor a URL", err);
    error_actual(err, "%s", url_shown(text, shown, sizeof shown));
    error_expected(err, "upload:ID, or a URL");
    return error_hint(err, "send it to /v1/uploads first");
}

/* Those that lie elsewhere have to be allowed. */
static int check_sources(struct service *s, const json_t *request,
                         struct error *err)
{
    int rc = 0;

    for (size_t i = 0; !rc && i < sizeof members / sizeof *members; i++) {
        const char *text = text_of(request, members[i]);

        if (text && strcmp(members[i], "model") != 0 && sources_is(text))
            rc = sources_check(s->sources, text, err);
    }
    return rc;
}

bool inputs_is_json(const char *type)
{
    static const char json[] = "application/json";
    size_t len = sizeof json - 1;

    return type && !strncasecmp(type, json, len) &&
           (!type[len] || strchr("; \t", type[len]));
}

static int check_stated(const json_t *request, const char *member, bool object,
                        struct error *err)
{
    const json_t *value = json_object_get(request, member);

    if (!value || json_is_string(value) || (object && json_is_object(value)))
        return 0;
    return refuse(member,
                  object ? "is neither a text nor an object" : "is not a text",
                  err);
}

int inputs_check_form(json_t *request, struct error *err)
{
    char id[UPLOADS_ID_MAX + 1];
    struct request options;
    int rc;

    if (!json_is_object(request))
        return error_set(err, ERR_USAGE, "the request is not a JSON object");
    request_init(&options);
    rc = inputs_set_options(request, &options, err);
    request_done(&options);
    if (!rc)
        rc = write_options(request, err);
    if (!rc)
        rc = check_stated(request, "gin", false, err);
    if (!rc)
        rc = check_stated(request, "config", true, err);
    if (!rc && json_object_get(request, "model"))
        rc = text_of(request, "model")
                 ? stored_check_name(text_of(request, "model"), err)
                 : refuse("model", "is not a text", err);
    return rc ? rc : inputs_checkpoint_id(request, id, err);
}

int inputs_check(struct service *s, json_t *request, struct error *err)
{
    char id[UPLOADS_ID_MAX + 1];
    struct uploads_info info;
    int rc = inputs_check_form(request, err);

    if (!rc)
        rc = check_sources(s, request, err);
    if (!rc)
        rc = inputs_checkpoint_id(request, id, err);
    if (rc || !*id)
        return rc;
    rc = uploads_get(s->uploads, id, &info, err);
    if (rc || info.complete == info.files)
        return rc;
    error_set(err, ERR_UNFINISHED_UPLOAD, "the upload is not complete");
    error_subject(err, "upload:%s", id);
    return error_hint(err, "send the rest of it first");
}

/* What identifies the bytes of one member's upload, where it names one. */
static int identify(struct service *s, const json_t *request,
                    const char *member, struct buf *out, struct error *err)
{
    const char *text = text_of(request, member);
    char id[UPLOADS_ID_MAX + 1];
    struct uploads_info info;
    const char *path = "";
    int rc;

    if (!text || !strcmp(member, "model"))
        return 0;
    if (sources_is(text))
        return sources_identify(s->sources, member, text, out, err);
    if (!uploads_parse_reference(text, id, &path))
        return 0;
    rc = uploads_get(s->uploads, id, &info, err);
    if (rc)
        return rc;
    if (*info.digest)
        buf_printf(out, "%s=sha256:%s\n", member, info.digest);
    else
        buf_printf(out, "%s=upload:%s created:%lld bytes:%llu files:%llu\n",
                   member, id, (long long)info.created,
                   (unsigned long long)info.bytes,
                   (unsigned long long)info.files);
    return 0;
}

int inputs_identity(struct service *s, const json_t *request, struct buf *out,
                    struct error *err)
{
    int rc = 0;

    for (size_t i = 0; !rc && i < sizeof members / sizeof *members; i++)
        rc = identify(s, request, members[i], out, err);
    return rc ? rc : buf_status(out, err);
}
