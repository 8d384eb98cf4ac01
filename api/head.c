/*
 * Heads of requests: everything that is refused before a body is looked at.
 */
#include "head.h"

#include <string.h>
#include <strings.h>

#include "accept.h"
#include "guard.h"
#include "routes.h"

/*
 * The method, or the one that a client sends instead whose surroundings allow
 * only GET and POST. It is tus that defines this, so it is for tus only.
 */
void head_take_method(struct exchange *x, const char *method)
{
    const char *other = exchange_header(x, "X-HTTP-Method-Override");

    x->method_name = method;
    x->method = routes_method(method);
    if (!other || x->method != METHOD_POST ||
        !exchange_header(x, "Tus-Resumable"))
        return;
    if (routes_method(other) & (METHOD_PATCH | METHOD_DELETE)) {
        x->method_name = other;
        x->method = routes_method(other);
    }
}

static enum MHD_Result count_framing(void *ctx, enum MHD_ValueKind kind,
                                     const char *name, const char *value)
{
    (void)kind;
    (void)value;
    if (!strcasecmp(name, MHD_HTTP_HEADER_CONTENT_LENGTH) ||
        !strcasecmp(name, MHD_HTTP_HEADER_TRANSFER_ENCODING))
        ++*(unsigned *)ctx;
    return MHD_YES;
}

/*
 * A body's length stands in one header once. Where two say it, a proxy may have
 * believed the other one and taken the rest for a request (RFC 9112, 11.2).
 */
static int check_framing(struct exchange *x, struct error *err)
{
    unsigned headers = 0;

    MHD_get_connection_values(x->connection, MHD_HEADER_KIND, count_framing,
                              &headers);
    if (headers <= 1)
        return 0;
    x->must_close = true;
    return error_set(err, ERR_USAGE,
                     "the length of the body is stated more than once");
}

static int check_size(struct exchange *x, struct error *err)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(
        x->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);

    if (!info || info->header_size <= EXCHANGE_HEAD_MAX)
        return 0;
    error_set(err, ERR_HEAD, "the request's head is too large");
    return error_expected(err, "at most %d bytes", EXCHANGE_HEAD_MAX);
}

/* A route that answers GET has nothing to offer to other methods. */
static int check_accept(struct exchange *x, struct error *err)
{
    const struct route *r = x->route;
    unsigned methods = METHOD_GET | METHOD_HEAD;
    struct buf list = BUF_INIT(sizeof err->expected);

    if (!(r->methods & METHOD_GET))
        methods = r->methods;
    if (!r->offers || !(x->method & methods))
        return 0;
    x->offer = accept_choose(exchange_header(x, "Accept"), r->offers);
    if (x->offer >= 0)
        return 0;
    for (unsigned i = 0; r->offers[i]; i++)
        buf_printf(&list, "%s%s", i ? ", " : "", r->offers[i]);
    error_set(err, ERR_NOT_ACCEPTABLE,
              "%s has none of the media types that "
              "Accept takes",
              r->path);
    error_expected(err, "%s", list.len > 0 ? buf_str(&list) : "");
    buf_done(&list);
    return ERR_NOT_ACCEPTABLE;
}

int head_check(struct exchange *x, struct error *err)
{
    char allow[80];
    int rc = check_framing(x, err);

    if (!rc)
        rc = check_size(x, err);
    if (rc)
        return rc;
    if (!x->target)
        return error_memory(err);
    x->route = routes_find(x->target, &x->params);
    if (!x->route) {
        error_set(err, ERR_NOT_FOUND, "there is nothing at %.150s", x->path);
        return error_hint(err, "/openapi.yaml describes what there is");
    }
    if (!(routes_methods(x->route) & x->method)) {
        error_set(err, ERR_METHOD, "%s does not take %.40s", x->route->path,
                  x->method_name);
        return error_expected(err, "one of %s", routes_allow(x->route, allow));
    }
    rc = guard_check(x, err);
    if (!rc)
        rc = check_accept(x, err);
    if (rc || !x->route->begin || x->method == METHOD_OPTIONS)
        return rc;
    return x->route->begin(x, err);
}
