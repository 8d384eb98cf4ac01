/*
 * /v1/uploads and /v1/uploads/{id}.
 *
 * Two kinds of client meet here. For tus a resource is one file; its clients
 * say so with Tus-Resumable. For everybody else it is the upload, which may
 * have many files, as JSON. A file that was created alone has the same id as
 * its upload.
 */
#include "page.h"
#include "resumable.h"
#include "routes.h"
#include "upload_json.h"

int upload_routes_begin_all(struct exchange *x, struct error *err)
{
    int rc = resumable_check(x, err);

    if (rc || x->method != METHOD_POST)
        return rc;
    return resumable_begin_create(x, err);
}

static int write_info(void *ctx, const struct uploads_info *info,
                      struct error *err)
{
    struct page *p = ctx;

    (void)err;
    if (page_take(p, info->id))
        upload_json_info(&p->w, info);
    return 0;
}

static int list(struct exchange *x, struct error *err)
{
    struct page p;
    int rc = page_open(x, "uploads", &p, err);

    if (!rc)
        rc = uploads_list(x->service->uploads, p.after, p.limit + 1, write_info,
                          &p, err);
    if (!rc)
        return page_reply(x, &p, err);
    page_done(&p);
    return rc;
}

int upload_routes_finish_all(struct exchange *x, struct error *err)
{
    return x->method == METHOD_POST ? resumable_create(x, err) : list(x, err);
}

int upload_routes_begin_one(struct exchange *x, struct error *err)
{
    int rc = resumable_check(x, err);

    if (rc || x->method != METHOD_PATCH)
        return rc;
    return resumable_begin_append(x, err);
}

static int describe(struct exchange *x, struct error *err)
{
    struct uploads_info info;
    int rc =
        uploads_get(x->service->uploads, exchange_param(x, "id"), &info, err);

    return rc ? rc : upload_json_reply_info(x, &info, err);
}

static int delete (struct exchange *x, struct error *err)
{
    int rc = uploads_delete(x->service->uploads, exchange_param(x, "id"), err);

    if (rc)
        return rc;
    return exchange_reply(
        x, MHD_HTTP_NO_CONTENT, 0,
        MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT), err);
}

int upload_routes_finish_one(struct exchange *x, struct error *err)
{
    bool tus = resumable_is_tus(x);

    switch (x->method) {
    case METHOD_PATCH:
        return resumable_append(x, err);
    case METHOD_DELETE:
        return tus ? resumable_delete(x, err) : delete (x, err);
    case METHOD_HEAD:
        return tus ? resumable_head(x, err) : describe(x, err);
    default:
        return describe(x, err);
    }
}
