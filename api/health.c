/*
 * Liveness and readiness, for whoever restarts the service or sends it
 * requests.
 *
 * Live means: the process answers. Ready means: it would take a conversion, so
 * the data folder can be written to and has space, and it is not about to stop.
 */
#include "routes.h"

static int reply_ok(struct exchange *x, struct error *err)
{
    return exchange_reply_bytes(x, MHD_HTTP_OK, "text/plain; charset=utf-8",
                                "ok\n", 3, err);
}

int health_live(struct exchange *x, struct error *err)
{
    return reply_ok(x, err);
}

int health_ready(struct exchange *x, struct error *err)
{
    struct service *s = x->service;
    int rc;

    if (s->draining)
        return error_set(err, ERR_BUSY, "the service is shutting down");
    if (gate_is_full(s->gate))
        return error_set(err, ERR_BUSY, "too many conversions wait already");
    rc = temp_check(s->temp, 0, s->settings->min_free, err);
    /* Whatever the reason, to a prober it is the service that is unavailable.
     */
    if (rc && err)
        err->code = ERR_BUSY;
    return rc ? ERR_BUSY : reply_ok(x, err);
}
