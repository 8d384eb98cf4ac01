/*
 * The queue as workers see it: claims, leases, changes of state, and recovery
 * of what dead workers left running.
 */
#include "base/error_json.h"
#include "jobs/jobs_impl.h"

enum { PROBLEM_LIMIT = 64 * 1024 };

int jobs_claim(struct jobs *j, const struct job_pick *pick, struct job **out,
               struct error *err)
{
    static const struct job_pick anything = { NULL, NULL };
    struct jobs_backend *b = j->backend;
    struct jobs_step s;
    struct job *job = NULL;
    int rc;

    *out = NULL;
    if (atomic_load(&j->counts[JOB_QUEUED]) == 0)
        return 0; /* the usual case of an idle worker: no transaction */
    rc = jobs_step_begin(j, &s, err);
    if (rc)
        return rc;
    rc = b->ops->next(b, s.tx, pick ? pick : &anything, &job, err);
    if (!rc && job) {
        jobs_step_use(&s, job);
        job->state = JOB_FETCHING;
        job->attempts++;
        job->token++;
        job->lease = s.now + j->config.lease_ms;
        if (!job->started)
            job->started = s.now;
        rc = jobs_step_save(&s, err);
    }
    return jobs_step_end(&s, rc, out, err);
}

uint64_t jobs_changes(struct jobs *j)
{
    return live_changes(j->live);
}

void jobs_wait_work(struct jobs *j, uint64_t since, unsigned ms)
{
    live_wait_change(j->live, since, ms);
}

void jobs_wake(struct jobs *j)
{
    live_wake(j->live);
}

void jobs_report_progress(struct jobs *j, const char *id,
                          const struct job_progress *p)
{
    live_set_progress(j->live, id, p);
}

/* Loads a job for the holder of a claim; ERR_LEASE for anybody else. */
static int load_claimed(struct jobs_step *s, const char *id, uint64_t token,
                        struct error *err)
{
    int rc = jobs_step_load(s, id, err);

    if (rc || (s->job->token == token && job_running(s->job->state)))
        return rc;
    error_set(err, ERR_LEASE, "the claim on job %s does not hold any more", id);
    error_expected(err, "claim %llu", (unsigned long long)s->job->token);
    error_actual(err, "claim %llu, %s", (unsigned long long)token,
                 job_state_name(s->job->state));
    return error_subject(err, "%s", id);
}

int jobs_renew(struct jobs *j, const char *id, uint64_t token, bool *cancel,
               struct error *err)
{
    struct jobs_step s;
    bool marked = false;
    int rc = jobs_step_begin(j, &s, err);

    if (rc)
        return rc;
    rc = load_claimed(&s, id, token, err);
    if (!rc) {
        marked = s.job->cancel;
        s.job->lease = s.now + j->config.lease_ms;
        rc = j->backend->ops->save(j->backend, s.tx, s.job, err);
    }
    rc = jobs_step_end(&s, rc, NULL, err);
    if (!rc)
        *cancel = marked;
    return rc;
}

/* A claimed job runs on, ends, or goes back to the queue. */
static int check_step(const struct job *job, enum job_state to,
                      struct error *err)
{
    if (to > job->state || to == JOB_QUEUED)
        return 0;
    error_set(err, ERR_JOB_STATE, "job %s cannot go from %s to %s", job->id,
              job_state_name(job->state), job_state_name(to));
    return error_subject(err, "%s", job->id);
}

static int apply(struct jobs_step *s, const struct job_change *c,
                 struct error *err)
{
    struct job *job = s->job;
    int rc = 0;

    job->state = c->state;
    if (c->state == JOB_QUEUED) {
        job->attempts--;
        if (job->cancel)
            job->state = JOB_CANCELLED;
    }
    if (!job_running(job->state))
        job->lease = 0;
    if (job_ended(job->state)) {
        job->finished = s->now;
        job->cancel = false;
    }
    if (c->revision)
        rc = job_set_text(&job->revision, c->revision, err);
    if (!rc && c->problem)
        rc = job_set_text(&job->problem, c->problem, err);
    if (!rc && c->report)
        rc = job_set_text(&job->report, c->report, err);
    return rc;
}

int jobs_change(struct jobs *j, const char *id, uint64_t token,
                const struct job_change *change, struct job **out,
                struct error *err)
{
    struct jobs_step s;
    int rc = jobs_step_begin(j, &s, err);

    if (rc)
        return rc;
    rc = load_claimed(&s, id, token, err);
    if (!rc)
        rc = check_step(s.job, change->state, err);
    if (!rc)
        rc = apply(&s, change, err);
    if (!rc)
        rc = jobs_step_save(&s, err);
    return jobs_step_end(&s, rc, out, err);
}

/* The problem of a job that outlived too many processes. */
static int give_up(struct job *job, struct error *err)
{
    struct buf text = BUF_INIT(PROBLEM_LIMIT);
    struct json_writer w = JSON_WRITER(&text, JSON_STYLE_COMPACT);
    struct error why;
    int rc;

    error_set(&why, ERR_ATTEMPTS,
              "the process ended %u times while it ran this job",
              job->attempts);
    error_hint(&why, "look for what ended it in the log of the service");
    json_open(&w, '{');
    error_json_members(&why, &w);
    json_close(&w, '}');
    rc = buf_status(&text, err);
    if (!rc)
        rc = job_set_text(&job->problem, buf_str(&text), err);
    buf_done(&text);
    return rc;
}

static int recover(struct jobs_step *s, struct error *err)
{
    struct job *job = s->job;
    int rc = 0;

    job->lease = 0;
    job->state = JOB_QUEUED;
    if (job->cancel) {
        job->state = JOB_CANCELLED;
    } else if (job->attempts >= s->jobs->config.max_attempts) {
        job->state = JOB_FAILED;
        rc = give_up(job, err);
    }
    if (job_ended(job->state)) {
        job->finished = s->now;
        job->cancel = false;
    }
    return rc ? rc : jobs_step_save(s, err);
}

int jobs_recover(struct jobs *j, bool all, size_t *count, struct error *err)
{
    struct jobs_backend *b = j->backend;
    size_t touched = 0;
    bool more = true;
    int rc = 0;

    while (!rc && more) {
        struct jobs_step s;
        struct job *job = NULL;

        rc = jobs_step_begin(j, &s, err);
        if (rc)
            break;
        rc = b->ops->expired(b, s.tx, all ? INT64_MAX : s.now, &job, err);
        more = job != NULL;
        if (!rc && job) {
            jobs_step_use(&s, job);
            rc = recover(&s, err);
            touched++;
        }
        rc = jobs_step_end(&s, rc, NULL, err);
    }
    if (!rc && count)
        *count = touched;
    return rc;
}
