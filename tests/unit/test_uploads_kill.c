/*
 * uploads/: what was acknowledged is there after kill -9, a power cut and a
 * full disk, byte by byte, and nothing else is. SWITCHYARD_TEST_KILLS sets the
 * number of rounds.
 *
 * The power is cut for a file system of its own, in an image: ext4 can be told
 * to forget at once all that is not on its disk. That takes root and a loop
 * device, and is left out where they can't be had.
 */
#include "uploads_fixture.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>

/*
 * Kill -9. A child appends pieces whose bytes follow from their place, and
 * notes each offset that was acknowledged in memory that it shares with us.
 */
enum { KILL_LENGTH = 64 << 20, PIECE_MAX = 300000 };

struct shared {
    atomic_ullong acknowledged;
    atomic_ullong puts;
};

static void fill(unsigned char *p, uint64_t at, size_t len)
{
    for (size_t i = 0; i < len; i++)
        p[i] = (unsigned char)((at + i) * 2654435761u >> 13);
}

static void put_next(struct shared *s)
{
    char name[32];

    snprintf(name, sizeof name, "%llu", (unsigned long long)s->puts);
    if (put(CHOSEN, name, name) == 0)
        s->puts++;
}

_Noreturn static void run_child(const char *id, struct shared *s, unsigned seed)
{
    static unsigned char piece[PIECE_MAX];
    uint64_t at = s->acknowledged;

    srand(seed);
    open_all();
    while (at < KILL_LENGTH) {
        size_t len = (size_t)rand() % PIECE_MAX + 1;
        struct uploads_append *a = NULL;

        if (len > KILL_LENGTH - at)
            len = (size_t)(KILL_LENGTH - at);
        fill(piece, at, len);
        if (uploads_append_begin(up, id, at, len, NULL, &a, &err) ||
            uploads_write(a, piece, len / 2, &err) ||
            uploads_write(a, piece + len / 2, len - len / 2, &err) ||
            uploads_commit(a, NULL, &err))
            _exit(1);
        at += len;
        s->acknowledged = at;
        put_next(s);
    }
    _exit(0);
}

/* What was acknowledged is there, byte by byte; puts are whole or absent. */
static void check_after_end(const char *id, struct shared *s)
{
    static unsigned char got[1 << 20];
    static unsigned char want[1 << 20];
    uint64_t offset = offset_of(id);
    struct uploads_file f;
    char path[200];
    char name[32];
    FILE *blob;
    uint64_t at = 0;
    size_t n;

    ck_assert_uint_ge(offset, s->acknowledged);
    snprintf(path, sizeof path, "%s/blobs/%s", folder, id);
    blob = fopen(path, "r");
    ck_assert_ptr_nonnull(blob);
    while ((n = fread(got, 1, sizeof got, blob)) > 0) {
        fill(want, at, n);
        ck_assert_mem_eq(got, want, n);
        at += n;
    }
    fclose(blob);
    ck_assert_uint_eq(at, offset);
    s->acknowledged = offset;
    for (uint64_t i = s->puts > 20 ? s->puts - 20 : 0; i < s->puts; i++) {
        snprintf(name, sizeof name, "%llu", (unsigned long long)i);
        ck_ok(uploads_find(up, CHOSEN, name, &f, &err), &err);
        ck_assert_uint_eq(f.length, strlen(name));
        snprintf(path, sizeof path, "%s/blobs", folder);
        check_file(path, f.id, name);
        uploads_file_done(&f);
    }
}

/*
 * How a child's life ends, and what the data folder goes through. s is then
 * what was promised before the end.
 */
static void end_by_kill(pid_t child, struct shared *s)
{
    int status = 0;

    (void)s;
    kill(child, SIGKILL);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFSIGNALED(status) || WEXITSTATUS(status) == 0,
                  "the child failed by itself");
}

static bool mount_image(void)
{
    char command[200];

    snprintf(command, sizeof command, "mount -o loop %s.img %s 2>&1", data,
             data);
    return system(command) == 0;
}

static void end_by_power_cut(pid_t child, struct shared *s)
{
    const uint32_t without_flushing_the_log = 2;
    int fd = open(data, O_RDONLY | O_DIRECTORY);
    unsigned long long acknowledged;
    unsigned long long puts_done;

    ck_assert_int_ge(fd, 0);
    /* While the power goes, the child lives on: what a sync says to it then
       means nothing. */
    acknowledged = s->acknowledged;
    puts_done = s->puts;
    ck_assert_int_eq(
        ioctl(fd, _IOR('X', 125, uint32_t), &without_flushing_the_log), 0);
    close(fd);
    kill(child, SIGKILL);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    s->acknowledged = acknowledged;
    s->puts = puts_done;
    ck_assert_int_eq(umount(data), 0);
    ck_assert(mount_image());
}

static void run_rounds(int rounds, void (*end)(pid_t child, struct shared *s))
{
    struct shared *s = mmap(NULL, sizeof *s, PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct uploads_info info = { .files = 0 };
    const char *id = create(NULL, "a", KILL_LENGTH);

    ck_assert_ptr_ne(s, MAP_FAILED);
    for (int round = 0; round < rounds; round++) {
        pid_t child;

        close_all();
        child = fork();
        ck_assert_int_ge(child, 0);
        if (child == 0)
            run_child(id, s, (unsigned)round);
        usleep((useconds_t)(2000 + rand() % 60000));
        end(child, s);
        open_all();
        check_after_end(id, s);
        if (s->acknowledged == KILL_LENGTH) {
            ck_ok(uploads_delete(up, id, &err), &err);
            id = create(NULL, "a", KILL_LENGTH);
            s->acknowledged = 0;
        }
    }
    /* No orphan: each blob has its row. */
    ck_assert_uint_gt(s->puts, 0);
    ck_ok(uploads_get(up, CHOSEN, &info, &err), &err);
    ck_assert_uint_eq(count_entries("blobs"), info.files + 1);
    munmap(s, sizeof *s);
}

static int rounds_wanted(int otherwise)
{
    const char *text = getenv("SWITCHYARD_TEST_KILLS");

    return text ? (int)strtol(text, NULL, 10) : otherwise;
}

START_TEST(test_kill)
{
    start();
    run_rounds(rounds_wanted(30), end_by_kill);
    stop();
}
END_TEST

/* Mounts an empty file system at the data folder, for this process alone. */
static bool make_image(void)
{
    char command[300];

    snprintf(command, sizeof command,
             "truncate -s 300M %s.img && mkfs.ext4 -q -F %s.img 2>&1", data,
             data);
    return geteuid() == 0 && unshare(CLONE_NEWNS) == 0 &&
           mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           system(command) == 0 && mount_image();
}

START_TEST(test_power_cut)
{
    char image[64];

    ck_assert_ptr_nonnull(mkdtemp(data));
    snprintf(folder, sizeof folder, "%s/uploads", data);
    snprintf(image, sizeof image, "%s.img", data);
    uploads_default_limits(&limits);
    limits.reserve = 0;
    if (make_image()) {
        open_all();
        run_rounds(rounds_wanted(20), end_by_power_cut);
        close_all();
        ck_assert_int_eq(umount(data), 0);
    } else {
        puts("no power cut: it takes root, mkfs.ext4 and a loop device");
    }
    unlink(image);
    rmdir(data);
}
END_TEST

/*
 * A disk that is full for the database as well: clean errors, nothing that was
 * acknowledged is lost, and room that is made is enough to go on.
 */
static void fill_disk(void)
{
    static char bytes[1 << 20];
    struct uploads_append *a = NULL;
    const char *filler = create(NULL, "filler", 3 * sizeof bytes);
    const char *id = create(NULL, "a", UPLOADS_UNKNOWN);
    int rc = 0;

    for (uint64_t i = 0; i < 3; i++)
        ck_ok(append_bytes(filler, i * sizeof bytes, bytes, sizeof bytes),
              &err);
    ck_ok(append_bytes(id, 0, bytes, sizeof bytes), &err);
    ck_fails(uploads_append_begin(up, id, sizeof bytes, 15 * sizeof bytes, NULL,
                                  &a, &err),
             &err, ERR_SPACE, "full");
    ck_ok(uploads_append_begin(up, id, sizeof bytes, UPLOADS_UNKNOWN, NULL, &a,
                               &err),
          &err);
    for (int i = 0; !rc && i < 15; i++)
        rc = uploads_write(a, bytes, sizeof bytes, &err);
    ck_assert_int_eq(rc, ERR_SPACE);
    uploads_abandon(a);
    ck_assert_uint_eq(offset_of(id), sizeof bytes);
    ck_ok(uploads_delete(up, filler, &err), &err);
    ck_ok(append_bytes(id, sizeof bytes, bytes, sizeof bytes), &err);
    ck_assert_uint_eq(uploads_bytes(up), 2 * sizeof bytes);
}

START_TEST(test_full_disk)
{
    ck_assert_ptr_nonnull(mkdtemp(data));
    snprintf(folder, sizeof folder, "%s/uploads", data);
    uploads_default_limits(&limits);
    limits.reserve = 0;
    if (geteuid() == 0 && unshare(CLONE_NEWNS) == 0 &&
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
        mount("none", data, "tmpfs", 0, "size=8m") == 0) {
        open_all();
        fill_disk();
        close_all();
        ck_assert_int_eq(umount(data), 0);
    } else {
        puts("no full disk: it takes root and a tmpfs");
    }
    rmdir(data);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { test_kill, test_power_cut, test_full_disk };

    return unit_run("uploads_kill", tests, sizeof tests / sizeof *tests);
}
