/*
 * The route table.
 */
#include "routes.h"

#include <string.h>

#include "file_reply.h"
#include "measure.h"
#include "resumable.h"
#include "transfer.h"

static const char *const as_json[] = { "application/json", NULL };
static const char *const as_yaml[] = { "application/yaml", NULL };
static const char *const as_text[] = { "text/plain", NULL };
static const char *const as_model[] = { "application/x-tar",
                                        "application/octet-stream",
                                        "application/json", NULL };

static const struct route routes[] = {
    { .path = "/v1/convert",
      .methods = METHOD_POST | METHOD_PUT,
      .role = ROLE_CONVERT,
      .offers = as_model,
      .begin = conversions_begin,
      .body = conversions_body,
      .finish = conversions_convert,
      .close = conversions_close,
      .headers = conversions_headers },
    { .path = "/v1/inspect",
      .methods = METHOD_POST | METHOD_PUT,
      .role = ROLE_CONVERT,
      .offers = as_json,
      .begin = conversions_begin,
      .body = conversions_body,
      .finish = conversions_inspect,
      .close = conversions_close },
    { .path = "/v1/verify",
      .methods = METHOD_POST,
      .role = ROLE_CONVERT,
      .offers = as_json,
      .begin = verify_begin,
      .body = verify_body,
      .finish = verify_finish,
      .close = verify_close },
    { .path = "/v1/conversions",
      .methods = METHOD_GET | METHOD_POST,
      .role = ROLE_READ,
      .offers = as_json,
      .begin = job_submit_begin,
      .body = job_submit_body,
      .finish = job_routes_finish_all,
      .close = job_submit_close },
    { .path = "/v1/conversions/{id}",
      .methods = METHOD_GET | METHOD_DELETE,
      .role = ROLE_READ,
      .offers = as_json,
      .finish = job_routes_finish_one },
    { .path = "/v1/conversions/{id}/events",
      .methods = METHOD_GET,
      .role = ROLE_READ,
      .offers = events_offers,
      .finish = events_get },
    { .path = "/v1/models",
      .methods = METHOD_GET,
      .role = ROLE_READ,
      .offers = as_json,
      .finish = models_all },
    { .path = "/v1/models/{owner}/{name}",
      .methods = METHOD_GET | METHOD_DELETE,
      .role = ROLE_READ,
      .offers = as_json,
      .finish = models_one },
    { .path = "/v1/models/{owner}/{name}/archive",
      .methods = METHOD_GET,
      .role = ROLE_READ,
      .finish = models_archive },
    { .path = "/v1/models/{owner}/{name}/provenance",
      .methods = METHOD_GET,
      .role = ROLE_READ,
      .offers = as_json,
      .finish = models_provenance },
    { .path = "/v1/models/{owner}/{name}/files/{file...}",
      .methods = METHOD_GET,
      .role = ROLE_READ,
      .finish = models_file,
      .close = file_reply_close,
      .headers = file_reply_headers },
    { .path = "/v1/uploads",
      .methods = METHOD_GET | METHOD_POST,
      .role = ROLE_READ,
      .offers = as_json,
      .begin = upload_routes_begin_all,
      .body = transfer_body,
      .finish = upload_routes_finish_all,
      .close = transfer_close,
      .headers = resumable_headers },
    { .path = "/v1/uploads/{id}",
      .methods = METHOD_GET | METHOD_PATCH | METHOD_DELETE,
      .role = ROLE_READ,
      .offers = as_json,
      .begin = upload_routes_begin_one,
      .body = transfer_body,
      .finish = upload_routes_finish_one,
      .close = transfer_close,
      .headers = resumable_headers },
    { .path = "/v1/uploads/{id}/files",
      .methods = METHOD_GET,
      .role = ROLE_READ,
      .offers = as_json,
      .finish = upload_files_list },
    { .path = "/v1/uploads/{id}/files/{path...}",
      .methods = METHOD_HEAD | METHOD_PUT | METHOD_DELETE,
      .role = ROLE_READ,
      .begin = upload_files_begin,
      .body = transfer_body,
      .finish = upload_files_finish,
      .close = transfer_close },
    { .path = "/livez", .methods = METHOD_GET, .finish = health_live },
    { .path = "/readyz",
      .methods = METHOD_GET,
      .offers = health_offers,
      .finish = health_ready },
    { .path = "/metrics",
      .methods = METHOD_GET,
      .role = ROLE_READ,
      .offers = as_text,
      .finish = measure_get },
    { .path = "/openapi.yaml",
      .methods = METHOD_GET,
      .offers = as_yaml,
      .finish = openapi_yaml },
    { .path = "/openapi.json",
      .methods = METHOD_GET,
      .offers = as_json,
      .finish = openapi_json },
    { .path = "/problems/{slug}",
      .methods = METHOD_GET,
      .offers = problems_offers,
      .finish = problems_get },
};

static const struct {
    enum method method;
    const char *name;
} methods[] = {
    { METHOD_GET, "GET" },         { METHOD_HEAD, "HEAD" },
    { METHOD_POST, "POST" },       { METHOD_PUT, "PUT" },
    { METHOD_PATCH, "PATCH" },     { METHOD_DELETE, "DELETE" },
    { METHOD_OPTIONS, "OPTIONS" },
};

const struct route *routes_find(const char *path, struct path_params *params)
{
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
        if (path_match(routes[i].path, path, params))
            return &routes[i];
    return NULL;
}

unsigned routes_methods(const struct route *r)
{
    return r->methods | METHOD_OPTIONS |
           (r->methods & METHOD_GET ? METHOD_HEAD : 0);
}

enum method routes_method(const char *name)
{
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (!strcmp(methods[i].name, name))
            return methods[i].method;
    return METHOD_OTHER;
}

const char *routes_allow(const struct route *r, char text[static 80])
{
    unsigned allowed = routes_methods(r);
    size_t n = 0;

    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (allowed & methods[i].method)
            n += (size_t)snprintf(text + n, 80 - n, "%s%s", n ? ", " : "",
                                  methods[i].name);
    return text;
}

unsigned routes_list(const char **paths, unsigned max)
{
    unsigned n = 0;

    for (size_t i = 0; i < sizeof routes / sizeof *routes && n < max; i++)
        paths[n++] = routes[i].path;
    return n;
}

void routes_print(FILE *out)
{
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
        for (size_t k = 0; k < sizeof methods / sizeof *methods; k++)
            if (routes_methods(&routes[i]) & methods[k].method)
                fprintf(out, "%s %s\n", methods[k].name, routes[i].path);
}
