/*
 * Tokens, browsers and rates, in front of every route.
 *
 * A route with ROLE_NONE is open: probes have no token. Everything else needs
 * at least the route's role, and ROLE_CONVERT where the method changes
 * something. Preflights carry no token by definition, and are answered without.
 */
#include "guard.h"

#include <string.h>
#include <time.h>

#include "routes.h"

/* What scripts of an allowed origin may send and see. */
#define SEND                                                                   \
    "Authorization, Content-Digest, Content-Type, Idempotency-Key, If-Match, " \
    "If-None-Match, If-Range, Last-Event-ID, Prefer, Range, Repr-Digest, "     \
    "Tus-Resumable, Upload-Checksum, Upload-Concat, Upload-Defer-Length, "     \
    "Upload-Length, Upload-Metadata, Upload-Offset, X-HTTP-Method-Override, "  \
    "X-Request-Id, traceparent"
#define SEE                                                                    \
    "Accept-Ranges, Content-Disposition, Content-Range, ETag, Link, "          \
    "Location, Repr-Digest, Retry-After, Tus-Checksum-Algorithm, "             \
    "Tus-Extension, Tus-Max-Size, Tus-Resumable, Tus-Version, "                \
    "Upload-Concat, Upload-Defer-Length, Upload-Expires, Upload-Length, "      \
    "Upload-Metadata, Upload-Offset, X-Missing-Chunks, X-Overflowed-Values, "  \
    "X-Request-Id"

static bool is_safe(const struct exchange *x)
{
    return x->method == METHOD_GET || x->method == METHOD_HEAD ||
           x->method == METHOD_OPTIONS;
}

static enum token_role needed(const struct exchange *x)
{
    enum token_role role = x->route->role;

    if (!is_safe(x) && role < ROLE_CONVERT)
        role = ROLE_CONVERT;
    return x->method == METHOD_OPTIONS ? ROLE_NONE : role;
}

static int check_rate(struct exchange *x, struct error *err)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(
        x->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    struct timespec now;
    uint64_t ns;

    if (!x->service->limiter || !info || !info->client_addr)
        return 0;
    clock_gettime(CLOCK_MONOTONIC, &now);
    ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
    if (limiter_take(x->service->limiter, info->client_addr, ns,
                     &x->retry_after))
        return 0;
    error_set(err, ERR_RATE, "too many requests in a short time");
    return error_hint(err, "wait as long as Retry-After says");
}

bool guard_is_preflight(const struct exchange *x)
{
    return x->method == METHOD_OPTIONS && exchange_header(x, "Origin") &&
           exchange_header(x, "Access-Control-Request-Method");
}

int guard_check(struct exchange *x, struct error *err)
{
    struct access *a = x->service->access;
    enum token_role role = needed(x);
    int rc = 0;

    if (x->route->role != ROLE_NONE)
        rc = check_rate(x, err);
    if (!rc && !guard_is_preflight(x))
        rc = access_check_browser(a, !is_safe(x), exchange_header(x, "Host"),
                                  exchange_header(x, "Origin"), err);
    if (rc || role == ROLE_NONE)
        return rc;
    return access_check(a, exchange_header(x, "Authorization"), role, &x->who,
                        err);
}

void guard_add_challenge(const struct exchange *x, enum error_code code,
                         struct MHD_Response *r)
{
    if (code == ERR_UNAUTHORIZED)
        MHD_add_response_header(r, MHD_HTTP_HEADER_WWW_AUTHENTICATE,
                                exchange_header(x, "Authorization")
                                    ? "Bearer error=\"invalid_token\""
                                    : "Bearer");
}

static const char *allowed_origin(const struct exchange *x)
{
    const char *origin = exchange_header(x, "Origin");

    return origin && access_origin_allowed(x->service->access, origin) ? origin
                                                                       : NULL;
}

void guard_add_cors(const struct exchange *x, struct MHD_Response *r)
{
    const char *origin = allowed_origin(x);

    if (*x->service->settings->cors_origins)
        MHD_add_response_header(r, MHD_HTTP_HEADER_VARY, "Origin");
    if (!origin)
        return;
    MHD_add_response_header(r, "Access-Control-Allow-Origin", origin);
    MHD_add_response_header(r, "Access-Control-Expose-Headers", SEE);
}

void guard_add_preflight(const struct exchange *x, const char *methods,
                         struct MHD_Response *r)
{
    if (!guard_is_preflight(x) || !allowed_origin(x))
        return;
    MHD_add_response_header(r, "Access-Control-Allow-Methods", methods);
    MHD_add_response_header(r, "Access-Control-Allow-Headers", SEND);
    MHD_add_response_header(r, "Access-Control-Max-Age", "7200");
}
