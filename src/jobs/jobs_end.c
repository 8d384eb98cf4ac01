/*
 * How jobs end by a wish from outside: cancelled, removed, or forgotten once
 * they are old.
 */
#include <string.h>

#include "jobs/jobs_impl.h"

static int wrong_state(const struct job *job, const char *what,
                       struct error *err)
{
    error_set(err, ERR_JOB_STATE, "job %s cannot be %s", job->id, what);
    error_subject(err, "%s", job->id);
    return error_actual(err, "it is %s", job_state_name(job->state));
}

int jobs_cancel(struct jobs *j, const char *id, struct job **out,
                struct error *err)
{
    struct jobs_step s;
    int rc = jobs_step_begin(j, &s, err);

    if (rc)
        return rc;
    rc = jobs_step_load(&s, id, err);
    if (!rc && job_ended(s.job->state))
        rc = wrong_state(s.job, "cancelled", err);
    if (!rc && s.job->state == JOB_QUEUED) {
        s.job->state = JOB_CANCELLED;
        s.job->finished = s.now;
        rc = jobs_step_save(&s, err);
    } else if (!rc && !s.job->cancel) {
        s.job->cancel = true;
        rc = j->backend->ops->save(j->backend, s.tx, s.job, err);
    }
    return jobs_step_end(&s, rc, out, err);
}

int jobs_remove(struct jobs *j, const char *id, struct error *err)
{
    struct jobs_step s;
    enum job_state state = JOB_QUEUED;
    int rc = jobs_step_begin(j, &s, err);

    if (rc)
        return rc;
    rc = jobs_step_load(&s, id, err);
    if (!rc) {
        state = s.job->state;
        if (!job_ended(state))
            rc = wrong_state(s.job, "removed", err);
        else
            rc = j->backend->ops->remove(j->backend, s.tx, id, err);
    }
    rc = j->backend->ops->end(j->backend, s.tx, rc, err);
    if (!rc) {
        j->counts[state]--;
        live_drop(j->live, id);
    }
    pthread_mutex_unlock(&j->writing);
    if (!rc)
        live_tell(j->live, id);
    job_unref(s.job);
    return rc;
}

/* One that ended before that time, into id; "" if there is none. */
static int find_old(struct jobs *j, uint64_t before,
                    char id[static JOB_ID_LEN + 1], struct error *err)
{
    struct jobs_backend *b = j->backend;
    struct job *job = NULL;
    struct db_tx *tx;
    int rc = b->ops->begin(b, DB_READ, &tx, err);

    if (rc)
        return rc;
    rc = b->ops->end(b, tx, b->ops->ended(b, tx, before, &job, err), err);
    id[0] = '\0';
    if (!rc && job)
        memcpy(id, job->id, JOB_ID_LEN + 1);
    job_unref(job);
    return rc;
}

int jobs_expire(struct jobs *j, uint64_t before, size_t limit, size_t *count,
                struct error *err)
{
    char id[JOB_ID_LEN + 1];
    size_t removed = 0;
    bool more = true;
    int rc = 0;

    while (!rc && more && removed < limit) {
        rc = find_old(j, before, id, err);
        more = !rc && *id;
        if (more) {
            rc = jobs_remove(j, id, err);
            removed += !rc;
            if (rc == ERR_NOT_FOUND)
                rc = 0; /* somebody was faster */
        }
    }
    if (count)
        *count = removed;
    return rc;
}
