/*
 * /v1/conversions: conversions that run by themselves, after they were asked
 * for (job_submit.c). A client asks, waits, or listens (events.c).
 */
#include "jobs/jobs.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "base/num.h"
#include "inputs.h"
#include "job_json.h"
#include "page.h"
#include "routes.h"

enum { WAIT_MAX = 60 };

static int read_filter(const struct exchange *x, const struct page *p,
                       struct job_filter *f, struct error *err)
{
    const char *state = exchange_query(x, "state");

    *f = (struct job_filter){ .state = -1,
                              .model = exchange_query(x, "model"),
                              .after = *p->after ? p->after : NULL,
                              .limit = p->limit + 1 };
    if (!state)
        return 0;
    f->state = job_state_find(state);
    if (f->state >= 0)
        return 0;
    error_set(err, ERR_USAGE, "state cannot be '%.64s'", state);
    return error_subject(err, "state");
}

static int list(struct exchange *x, struct error *err)
{
    struct job_list jobs = { NULL, 0 };
    struct job_filter f;
    struct page p;
    int rc = page_open(x, "conversions", &p, err);

    if (!rc)
        rc = read_filter(x, &p, &f, err);
    if (!rc)
        rc = jobs_list(x->service->jobs, &f, &jobs, err);
    if (rc) {
        page_done(&p);
        return rc;
    }
    for (size_t i = 0; i < jobs.count; i++)
        if (page_take(&p, jobs.items[i]->id))
            job_json(&p.w, jobs.items[i], NULL);
    jobs_list_done(&jobs);
    return page_reply(x, &p, err);
}

int job_routes_finish_all(struct exchange *x, struct error *err)
{
    return x->method == METHOD_POST ? job_submit_finish(x, err) : list(x, err);
}

/*
 * Waits as long as the query says for the job's end, but not until the request
 * itself has to end, since that would leave the client without an answer.
 */
static int wait_for_end(struct exchange *x, uint64_t seconds, struct job **job,
                        struct job_progress *progress, struct error *err)
{
    const char *id = exchange_param(x, "id");
    uint64_t most = x->service->settings->request_time - 1;
    time_t end = time(NULL) + (time_t)num_min(seconds, most);
    struct job *next;
    int rc = 0;

    while (!rc && !job_ended((*job)->state) && time(NULL) < end &&
           !x->service->draining) {
        rc = jobs_wait(x->service->jobs, id, (*job)->version, UINT64_MAX, 500,
                       &next, progress, err);
        if (!rc) {
            job_unref(*job);
            *job = next;
        }
    }
    return rc;
}

static int show(struct exchange *x, struct error *err)
{
    const char *wait = exchange_query(x, "wait");
    struct job_progress progress;
    struct job *job = NULL;
    uint64_t seconds = 0;
    int rc =
        wait ? num_parse_uint("wait", wait, 0, WAIT_MAX, &seconds, err) : 0;

    if (!rc)
        rc = jobs_get(x->service->jobs, exchange_param(x, "id"), &job,
                      &progress, err);
    if (!rc)
        rc = wait_for_end(x, seconds, &job, &progress, err);
    if (!rc)
        rc = job_json_reply(x, MHD_HTTP_OK, job, &progress, err);
    job_unref(job);
    return rc;
}

/*
 * A live job is cancelled, an ended one forgotten. One that ends between the
 * two looks at it is an ended one, and stays so.
 */
static int end(struct exchange *x, struct error *err)
{
    const char *id = exchange_param(x, "id");
    struct jobs *jobs = x->service->jobs;
    struct job *job = NULL;
    int rc = jobs_remove(jobs, id, err);

    if (rc == ERR_JOB_STATE) {
        rc = jobs_cancel(jobs, id, &job, err);
        if (!rc)
            rc = job_json_reply(x, MHD_HTTP_ACCEPTED, job, NULL, err);
        job_unref(job);
        if (rc != ERR_JOB_STATE)
            return rc;
        rc = jobs_remove(jobs, id, err);
    }
    if (rc)
        return rc;
    return exchange_reply(
        x, MHD_HTTP_NO_CONTENT, 0,
        MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT), err);
}

int job_routes_finish_one(struct exchange *x, struct error *err)
{
    return x->method == METHOD_DELETE ? end(x, err) : show(x, err);
}
