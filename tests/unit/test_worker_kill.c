/*
 * jobs/: kill -9 at random moments of submitting, converting, publishing and
 * deleting. What was acknowledged is there, nothing half is visible, and no
 * orphan stays. SWITCHYARD_TEST_KILLS sets the number of rounds.
 *
 * SWITCHYARD_TEST_POWER_CUTS=N does the same N times with the power cut: on an
 * ext4 file system in a file, which is shut down without writing its journal.
 * That takes root and mkfs.ext4.
 */
#include "worker_fixture.h"

#include <fcntl.h>
#include <linux/types.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>

enum { ROUNDS = 30, NOTED = 20000, NAMES = 4, KINDS = 6 };

static const char *const names[NAMES] = { "a/one", "a/two", "b/one", "b/two" };
/* Options that differ in what they make, in several files or in one. */
static const char *const kinds[KINDS] = {
    ",\"dtype\":\"float32\"",
    ",\"dtype\":\"bfloat16\"",
    ",\"dtype\":\"float16\"",
    ",\"dtype\":\"float32\",\"max_shard_size\":\"40KB\"",
    ",\"dtype\":\"bfloat16\",\"max_shard_size\":\"20KB\"",
    ",\"dtype\":\"float16\",\"max_shard_size\":\"20KB\"",
};

/* What each kind's model is, from runs that nobody disturbed. */
static char revisions[KINDS][STORED_REVISION_LEN + 1];

/* What a child was told, in memory that it shares with us. */
struct note {
    char id[JOB_ID_LEN + 1];
    int kind;
    volatile bool removing; /* asked for; it may or may not have been done */
    volatile bool removed;  /* acknowledged */
};

struct shared {
    volatile unsigned count;
    struct note notes[NOTED];
};

static struct shared *shared;

/* A third of the jobs share results by key; all are small. */
static void submit_one(void)
{
    struct note *n = &shared->notes[shared->count];
    char id[JOB_ID_LEN + 1];
    int kind = rand() % KINDS;
    const char *key = rand() % 3 == 0 ? kinds[kind] : NULL;

    if (!submit(names[rand() % NAMES], key, kinds[kind], id))
        return; /* it joined one that is noted */
    memcpy(n->id, id, sizeof id);
    n->kind = kind;
    shared->count++;
}

static void remove_one(void)
{
    struct note *n = &shared->notes[(unsigned)rand() % shared->count];
    struct job *job;

    if (n->removing || jobs_get(jobs, n->id, &job, NULL, NULL))
        return;
    if (job_ended(job->state)) {
        n->removing = true;
        if (jobs_remove(jobs, n->id, NULL) == 0)
            n->removed = true;
    } else if (rand() % 4 == 0) {
        jobs_cancel(jobs, n->id, NULL, NULL);
    }
    job_unref(job);
}

_Noreturn static void run_child(unsigned seed)
{
    srand(seed);
    open_all();
    start();
    for (;;) {
        if (shared->count + 1 < NOTED)
            submit_one();
        if (rand() % 3 == 0)
            remove_one();
        if (rand() % 2 == 0)
            models_delete(models, names[rand() % NAMES], NULL, NULL);
        pause_ms((unsigned)rand() % 4);
    }
}

/* ext4's, from its ioctl.h, which is not installed everywhere. */
#define EXT4_IOC_SHUTDOWN _IOR('X', 125, __u32)
enum { EXT4_NOLOGFLUSH = 2 };

/* From now on nothing reaches the disk; what the journal lacks is lost. */
static void cut_power(void)
{
    __u32 how = EXT4_NOLOGFLUSH;
    int fd = open(folder, O_RDONLY | O_DIRECTORY);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(ioctl(fd, EXT4_IOC_SHUTDOWN, &how), 0);
    close(fd);
}

static void kill_later(pid_t pid, bool with_power)
{
    int status;

    pause_ms(20 + (unsigned)rand() % 100);
    if (with_power) {
        /* Stopped first: it must not see, and report, what now fails. */
        kill(pid, SIGSTOP);
        ck_assert_int_eq(waitpid(pid, &status, WUNTRACED), pid);
        cut_power();
    }
    kill(pid, SIGKILL);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_msg(WIFSIGNALED(status), "the child ended by itself");
}

/* ---- invariants ---- */

static void check_acknowledged(void)
{
    for (unsigned i = 0; i < shared->count; i++) {
        const struct note *n = &shared->notes[i];
        struct job *job;
        int rc = jobs_get(jobs, n->id, &job, NULL, &err);

        if (n->removed)
            ck_assert_int_eq(rc, ERR_NOT_FOUND);
        else if (!n->removing)
            ck_assert_msg(rc == 0, "job %s is lost: %s", n->id, err.text);
        if (rc)
            continue;
        ck_assert_int_ne(job->state, JOB_FAILED);
        if (job->state == JOB_SUCCEEDED)
            ck_assert_str_eq(job->revision, revisions[n->kind]);
        job_unref(job);
    }
}

static void check_file(const struct stored_file *f)
{
    struct sha256 *h;
    char hex[SHA256_HEX + 1];
    char block[65536];
    uint64_t size = 0;
    ssize_t n;
    int fd;

    ck_ok(models_open_file(models, f, &fd, &err), &err);
    ck_ok(sha256_new(&h, &err), &err);
    while ((n = read(fd, block, sizeof block)) > 0) {
        sha256_add(h, block, (size_t)n);
        size += (uint64_t)n;
    }
    close(fd);
    ck_ok(sha256_finish(h, hex, &err), &err);
    ck_assert_str_eq(hex, f->sha256);
    ck_assert_uint_eq(size, f->size);
}

static void check_models(void)
{
    struct stored_list l;
    struct stored_model *m;

    ck_ok(models_list(models, NULL, NULL, 100, &l, &err), &err);
    for (size_t i = 0; i < l.count; i++) {
        bool known = false;

        ck_ok(models_get(models, l.items[i]->name, NULL, &m, &err), &err);
        for (int k = 0; k < KINDS; k++)
            known = known || !strcmp(m->revision, revisions[k]);
        ck_assert_msg(known, "%s is half a model", m->name);
        for (size_t k = 0; k < m->file_count; k++)
            check_file(&m->files[k]);
        stored_unref(m);
    }
    stored_list_done(&l);
}

static uint64_t number(const char *sql)
{
    struct db_tx *tx;
    struct db_query q;
    uint64_t n = 0;

    ck_ok(db_begin(db, DB_READ, &tx, &err), &err);
    db_query(tx, &q, sql);
    if (db_row(&q))
        n = db_u64(&q, 0);
    ck_ok(db_end(tx, db_finish(&q, &err), &err), &err);
    return n;
}

static void check_orphans(void)
{
    static const char blobs[] = "SELECT count(*) FROM blobs";
    static const char strays[] =
        "SELECT (SELECT count(*) FROM blobs WHERE sha256 NOT IN"
        "  (SELECT sha256 FROM files))"
        " + (SELECT count(*) FROM revisions WHERE revision NOT IN"
        "  (SELECT revision FROM models))"
        " + (SELECT count(*) FROM pragma_foreign_key_check)"
        " + (SELECT count(*) FROM pragma_integrity_check"
        "  WHERE integrity_check <> 'ok')";

    ck_assert_uint_eq(entries("staging"), 0);
    ck_assert_uint_eq(entries("blobs"), number(blobs));
    ck_assert_uint_eq(number(strays), 0);
}

static void check_all(void)
{
    open_all();
    check_acknowledged();
    check_models();
    check_orphans();
    close_all(0);
}

/* ---- rounds ---- */

static void learn_revisions(void)
{
    char id[JOB_ID_LEN + 1];
    struct job *job;

    start();
    for (int i = 0; i < KINDS; i++) {
        submit("x/y", NULL, kinds[i], id);
        job = wait_for(id, JOB_SUCCEEDED);
        ck_assert_int_eq(job->state, JOB_SUCCEEDED);
        memcpy(revisions[i], job->revision, sizeof revisions[i]);
        job_unref(job);
    }
    ck_ok(models_delete(models, "x/y", NULL, &err), &err);
    close_all(1000);
}

/* Runs a child that works on the data folder, and ends it at some moment. */
static void disturb(bool with_power)
{
    unsigned seed = (unsigned)rand();
    pid_t pid = fork();

    ck_assert_int_ge(pid, 0);
    if (pid == 0)
        run_child(seed);
    kill_later(pid, with_power);
}

static void begin(void)
{
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(shared, MAP_FAILED);
    jobs_config.max_attempts = 1000;
    worker_config.jobs_at_once = 2;
    close_all(0);
    open_all();
    learn_revisions();
    srand((unsigned)getpid());
}

/* All that is left runs by itself. */
static void finish(void)
{
    uint64_t counts[JOB_STATES];

    open_all();
    start();
    do {
        pause_ms(20);
        jobs_count(jobs, counts);
    } while (counts[JOB_QUEUED] + counts[JOB_FETCHING] + counts[JOB_PLANNING] +
             counts[JOB_CONVERTING] + counts[JOB_PUBLISHING]);
    ck_assert_uint_gt(counts[JOB_SUCCEEDED], 0);
    ck_assert_uint_eq(counts[JOB_FAILED], 0);
    close_all(1000);
    check_all();
    munmap(shared, sizeof *shared);
}

static int rounds_of(const char *variable, int fallback)
{
    const char *wish = getenv(variable);

    return wish ? (int)strtol(wish, NULL, 10) : fallback;
}

START_TEST(test_kill)
{
    int rounds = rounds_of("SWITCHYARD_TEST_KILLS", ROUNDS);

    begin();
    for (int i = 0; i < rounds; i++) {
        disturb(false);
        check_all();
    }
    ck_assert_uint_gt(shared->count, (unsigned)rounds);
    finish();
}
END_TEST

/* Runs a command of the system in the folder around the disk. */
static void run_command(const char *base, const char *command)
{
    char line[800];

    snprintf(line, sizeof line, "cd '%s' && %s", base, command);
    ck_assert_msg(system(line) == 0, "failed: %s", line);
}

START_TEST(test_power_cut)
{
    static const char mount[] = "mount -o loop disk mount";
    int rounds = rounds_of("SWITCHYARD_TEST_POWER_CUTS", 0);
    char base[256];

    if (rounds == 0)
        return;
    close_all(0);
    memcpy(base, folder, sizeof base);
    run_command(base, "truncate -s 200M disk && mkfs.ext4 -q disk"
                      " && mkdir mount");
    run_command(base, mount);
    snprintf(folder, sizeof folder, "%.200s/mount/data", base);
    begin();
    for (int i = 0; i < rounds; i++) {
        disturb(true);
        run_command(base, "umount mount");
        run_command(base, mount);
        check_all();
    }
    finish();
    run_command(base, "umount mount");
    memcpy(folder, base, sizeof folder);
}
END_TEST

int main(void)
{
    const TTest *tests[] = { test_kill, test_power_cut };

    return unit_run_in("worker killed", tests, 2, setup, teardown);
}
