/*
 * store/sink*.c, place.c, target.c: publishing at once or not at all.
 *
 * fsync(), fallocate() and renameat2() are interposed: they do what the real
 * ones do, until a test makes them fail.
 */
#include "unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/sink.h"

/* The errno that each call fails with; 0: it does its work. */
static int fsync_fails, fallocate_fails, renameat2_fails;
static unsigned fsync_calls;

static int refuse(int errnum)
{
    errno = errnum;
    return -1;
}

int fsync(int fd)
{
    fsync_calls++;
    return fsync_fails ? refuse(fsync_fails) : (int)syscall(SYS_fsync, fd);
}

int fallocate(int fd, int mode, off_t offset, off_t len)
{
    return fallocate_fails ? refuse(fallocate_fails)
                           : (int)syscall(SYS_fallocate, fd, mode, offset, len);
}

int renameat2(int from_dir, const char *from, int to_dir, const char *to,
              unsigned flags)
{
    return renameat2_fails
               ? refuse(renameat2_fails)
               : (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
}

static char root[] = "/tmp/switchyard-sink-XXXXXX";

/* Each test runs in a process of its own, in a fresh folder as its cwd. */
static void enter(void)
{
    ck_assert_ptr_nonnull(mkdtemp(root));
    ck_assert_int_eq(chdir(root), 0);
}

static void leave(void)
{
    char command[100];

    ck_assert_int_eq(chdir("/"), 0);
    snprintf(command, sizeof command, "rm -rf %s", root);
    ck_assert_int_eq(system(command), 0);
}

static void put(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    ck_assert_msg(f != NULL, "%s", path);
    fputs(text, f);
    ck_assert_int_eq(fclose(f), 0);
}

static void check_file(const char *path, const char *want)
{
    char got[100] = "";
    FILE *f = fopen(path, "r");

    ck_assert_msg(f != NULL, "%s", path);
    got[fread(got, 1, sizeof got - 1, f)] = '\0';
    fclose(f);
    ck_assert_str_eq(got, want);
}

/* Entries of a folder, hidden ones too. */
static unsigned count(const char *path)
{
    DIR *dir = opendir(path);
    unsigned n = 0;

    ck_assert_msg(dir != NULL, "%s", path);
    while (readdir(dir))
        n++;
    closedir(dir);
    return n - 2;
}

static bool exists(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0;
}

static struct sink *open_folder(const char *path, bool overwrite)
{
    struct sink *s = NULL;
    struct error err;

    ck_ok(sink_folder_open(path, overwrite, &s, &err), &err);
    return s;
}

static int open_error(const char *path, bool overwrite, struct error *err)
{
    struct sink *s = NULL;

    return sink_folder_open(path, overwrite, &s, err);
}

static void add(struct sink *s, const char *name, const char *text)
{
    struct sink_file *f = NULL;
    struct error err;

    ck_ok(sink_create(s, name, strlen(text), &f, &err), &err);
    ck_ok(sink_write(f, 0, text, strlen(text), &err), &err);
    ck_ok(sink_close(f, &err), &err);
}

static void publish(struct sink *s)
{
    struct error err;

    ck_ok(sink_publish(s, &err), &err);
    sink_free(s);
}

static void publish_model(const char *path, bool overwrite, const char *text)
{
    struct sink *s = open_folder(path, overwrite);

    add(s, "config.json", text);
    publish(s);
}

/* What both implementations do. */
static void check_sink(struct sink *s)
{
    struct sink_file *a = NULL;
    struct sink_file *b = NULL;
    struct sink_file *none = NULL;
    struct error err;

    ck_ok(sink_require(s, 11, &err), &err);
    ck_ok(sink_create(s, "a", 6, &a, &err), &err);
    ck_ok(sink_create(s, "b", 0, &b, &err), &err);
    ck_assert_int_ne(sink_create(s, "a", 6, &none, &err), 0);
    ck_fails(sink_create(s, "x/y", 1, &none, &err), &err, ERR_PATH, "x/y");
    ck_fails(sink_create(s, "..", 1, &none, &err), &err, ERR_PATH, "..");
    ck_ok(sink_write(a, 3, "def", 3, &err), &err);
    ck_ok(sink_write(a, 0, "abc", 3, &err), &err);
    ck_ok(sink_write(b, 0, "", 0, &err), &err);
    ck_fails(sink_write(a, 4, "def", 3, &err), &err, ERR_INTERNAL, "a");
    ck_fails(sink_write(a, UINT64_MAX, "def", 3, &err), &err, ERR_INTERNAL,
             "a");
    ck_fails(sink_publish(s, &err), &err, ERR_INTERNAL, "open");
    ck_ok(sink_close(a, &err), &err);
    ck_ok(sink_close(b, &err), &err);
}

START_TEST(test_memory)
{
    struct sink *s = NULL;
    struct error err;
    size_t len = 9;

    ck_ok(sink_memory_new(&s, &err), &err);
    check_sink(s);
    ck_assert_mem_eq(sink_memory_file(s, "a", &len), "abcdef", 6);
    ck_assert_uint_eq(len, 6);
    ck_assert_ptr_nonnull(sink_memory_file(s, "b", &len));
    ck_assert_uint_eq(len, 0);
    ck_assert_ptr_null(sink_memory_file(s, "c", &len));
    ck_assert(!sink_memory_published(s));
    ck_ok(sink_publish(s, &err), &err);
    ck_assert(sink_memory_published(s));
    sink_free(s);
    sink_free(NULL);
}
END_TEST

START_TEST(test_publish)
{
    struct sink *s;
    struct stat st;

    enter();
    umask(027);
    s = open_folder("new/deep/model", false);
    check_sink(s);
    ck_assert(!exists("new/deep/model"));
    ck_assert_uint_eq(count("new/deep"), 1);
    fsync_calls = 0;
    publish(s);
    ck_assert_uint_ge(fsync_calls, 2);
    ck_assert_uint_eq(count("new/deep"), 1);
    check_file("new/deep/model/a", "abcdef");
    check_file("new/deep/model/b", "");
    ck_assert_int_eq(stat("new/deep/model", &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0750);
    ck_assert_int_eq(stat("new/deep/model/a", &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0640);
    leave();
}
END_TEST

START_TEST(test_abandon)
{
    struct sink *s;
    struct sink_file *f = NULL;
    struct error err;

    enter();
    s = open_folder("model", false);
    add(s, "closed", "x");
    ck_ok(sink_create(s, "open", 100000, &f, &err), &err);
    ck_assert_uint_eq(count("."), 1);
    sink_free(s);
    ck_assert_uint_eq(count("."), 0);
    leave();
}
END_TEST

START_TEST(test_paths)
{
    static const char *const paths[] = { "m1/",     "./m2/.", "x/../m3",
                                         "x//m4//", ".m5",    "empty" };

    enter();
    ck_assert_int_eq(mkdir("x", 0777) | mkdir("empty", 0777), 0);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        publish_model(paths[i], false, "{}");
    check_file("m1/config.json", "{}");
    check_file("m2/config.json", "{}");
    check_file("m3/config.json", "{}");
    check_file("x/m4/config.json", "{}");
    check_file(".m5/config.json", "{}");
    check_file("empty/config.json", "{}");
    ck_assert_int_eq(mkdir("here", 0777), 0);
    ck_assert_int_eq(chdir("here"), 0);
    publish_model(".", false, "{}");
    check_file("../here/config.json", "{}");
    ck_assert_int_eq(chdir(".."), 0);
    ck_assert_int_eq(symlink("m1", "link"), 0);
    publish_model("link/", true, "through the link");
    check_file("m1/config.json", "through the link");
    leave();
}
END_TEST

START_TEST(test_what_is_refused)
{
    struct error err;

    enter();
    put("file", "x");
    ck_assert_int_eq(mkdir("full", 0777), 0);
    put("full/notes", "x");
    ck_assert_int_eq(symlink("nowhere", "dangling"), 0);
    ck_fails(open_error("full", false, &err), &err, ERR_EXISTS, "full");
    ck_assert_str_ne(err.hint, "");
    ck_fails(open_error("file", true, &err), &err, ERR_EXISTS, "not a folder");
    ck_fails(open_error("dangling", false, &err), &err, ERR_EXISTS, "nowhere");
    ck_fails(open_error("file/x", false, &err), &err, ERR_WRITE, "file/x");
    ck_fails(open_error("none/..", false, &err), &err, ERR_WRITE, "none/..");
    ck_fails(open_error("", false, &err), &err, ERR_WRITE, "");
    ck_assert_int_eq(open_error("/", true, &err), ERR_EXISTS);
    ck_fails(open_error("/proc", true, &err), &err, ERR_EXISTS, "mount point");
    ck_assert_uint_eq(count("."), 3);
    check_file("full/notes", "x");
    leave();
}
END_TEST

/* Overwriting replaces a model's files, keeps others, and goes no deeper. */
START_TEST(test_overwrite)
{
    static const char *const others[] = { "README.md", "tokenizer.json",
                                          ".gitattributes", "thesis.tex" };
    char path[64];
    struct error err;

    enter();
    publish_model("model", true, "old");
    publish_model("model", true, "new");
    check_file("model/config.json", "new");
    ck_assert_uint_eq(count("."), 1);
    ck_fails(open_error("model", false, &err), &err, ERR_EXISTS, "model");
    put("model/model-00001-of-00002.safetensors", "x");
    put("model/model.safetensors.index.json", "x");
    for (size_t i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "model/%s", others[i]);
        put(path, others[i]);
    }
    publish_model("model", true, "newer");
    check_file("model/config.json", "newer");
    for (size_t i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "model/%s", others[i]);
        check_file(path, others[i]);
    }
    ck_assert_uint_eq(count("model"), 5);

    ck_assert_int_eq(mkdir("model/x.json", 0777), 0);
    ck_fails(open_error("model", true, &err), &err, ERR_EXISTS, "x.json");
    ck_assert_int_eq(rmdir("model/x.json"), 0);
    ck_assert_int_eq(symlink("config.json", "model/y.json"), 0);
    ck_fails(open_error("model", true, &err), &err, ERR_EXISTS, "y.json");
    ck_assert_int_eq(unlink("model/y.json"), 0);
    ck_assert_uint_eq(count("model"), 5);
    ck_assert_uint_eq(count("."), 1);
    leave();
}
END_TEST

/* What changes between opening and publishing is looked at again. */
START_TEST(test_target_changes_meanwhile)
{
    struct sink *s;
    struct sink *t;
    struct error err;

    enter();
    s = open_folder("model", false);
    t = open_folder("model", true);
    add(s, "config.json", "s");
    add(t, "config.json", "t");
    publish_model("model", false, "first");
    ck_fails(sink_publish(s, &err), &err, ERR_EXISTS, "model");
    sink_free(s);
    ck_assert_int_eq(mkdir("model/diary", 0777), 0);
    ck_fails(sink_publish(t, &err), &err, ERR_EXISTS, "diary");
    sink_free(t);
    check_file("model/config.json", "first");
    ck_assert_int_eq(rmdir("model/diary"), 0);
    ck_assert_uint_eq(count("."), 1);
    leave();
}
END_TEST

START_TEST(test_overwrite_without_exchange)
{
    enter();
    publish_model("model", true, "old");
    renameat2_fails = EINVAL;
    publish_model("model", true, "new");
    check_file("model/config.json", "new");
    ck_assert_uint_eq(count("."), 1);
    leave();
}
END_TEST

START_TEST(test_failed_fsync_is_final)
{
    struct sink *s;
    struct sink_file *f = NULL;
    struct error err;

    enter();
    publish_model("model", true, "old");
    s = open_folder("model", true);
    ck_ok(sink_create(s, "config.json", 3, &f, &err), &err);
    ck_ok(sink_write(f, 0, "new", 3, &err), &err);
    fsync_fails = EIO;
    ck_fails(sink_close(f, &err), &err, ERR_WRITE, "config.json");
    fsync_fails = 0;
    ck_fails(sink_publish(s, &err), &err, ERR_WRITE, "not published");
    sink_free(s);
    check_file("model/config.json", "old");
    ck_assert_uint_eq(count("."), 1);

    s = open_folder("model", true);
    add(s, "config.json", "new");
    fsync_fails = EIO;
    ck_fails(sink_publish(s, &err), &err, ERR_WRITE, "model");
    sink_free(s);
    fsync_fails = 0;
    check_file("model/config.json", "old");
    leave();
}
END_TEST

START_TEST(test_failed_write_is_final)
{
    struct rlimit limit = { 0, RLIM_INFINITY };
    struct sink *s;
    struct sink_file *f = NULL;
    struct error err;

    enter();
    s = open_folder("model", false);
    ck_ok(sink_create(s, "a", 100, &f, &err), &err);
    ck_assert(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    ck_fails(sink_write(f, 0, "x", 1, &err), &err, ERR_WRITE, "a");
    limit.rlim_cur = RLIM_INFINITY;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    ck_ok(sink_close(f, &err), &err);
    ck_fails(sink_publish(s, &err), &err, ERR_WRITE, "not published");
    sink_free(s);
    ck_assert_uint_eq(count("."), 0);
    leave();
}
END_TEST

START_TEST(test_many_files)
{
    struct rlimit limit;
    struct sink *s;
    struct error err;

    enter();
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = 30;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    s = open_folder("model", false);
    for (int i = 0; i < 60; i++) {
        struct sink_file *f = NULL;
        char name[20];

        snprintf(name, sizeof name, "%d.json", i);
        ck_ok(sink_create(s, name, 5, &f, &err), &err);
    }
    sink_free(s);
    ck_assert_uint_eq(count("."), 0);
    leave();
}
END_TEST

/* A process that dies leaves its folder; the next run removes it. */
START_TEST(test_leftovers)
{
    struct sink *alive;
    int status = 0;
    pid_t child;

    enter();
    alive = open_folder("model", false);
    ck_assert_int_eq(mkdir(".model.part-short", 0777), 0);
    ck_assert_int_eq(mkdir(".other.part-abcdef", 0777), 0);
    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        add(open_folder("model", false), "config.json", "x");
        _exit(0);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    ck_assert_uint_eq(count("."), 4);
    sink_free(open_folder("model", false));
    ck_assert_uint_eq(count("."), 3);
    add(alive, "config.json", "alive");
    publish(alive);
    check_file("model/config.json", "alive");
    ck_assert_uint_eq(count("."), 3);
    leave();
}
END_TEST

START_TEST(test_no_space)
{
    struct sink *s;
    struct sink_file *f = NULL;
    struct error err;
    uint64_t huge = (uint64_t)1 << 62;

    enter();
    s = open_folder("model", false);
    ck_fails(sink_require(s, huge, &err), &err, ERR_SPACE, "model");
    ck_fails(sink_create(s, "a", UINT64_MAX, &f, &err), &err, ERR_WRITE, "a");
    fallocate_fails = ENOSPC;
    ck_fails(sink_create(s, "a", 4096, &f, &err), &err, ERR_SPACE, "a");
    ck_assert_str_eq(err.expected, "4096 bytes");
    fallocate_fails = EOPNOTSUPP;
    ck_fails(sink_create(s, "a", huge, &f, &err), &err, ERR_SPACE, "a");
    add(s, "a", "without reservation");
    publish(s);
    check_file("model/a", "without reservation");
    leave();
}
END_TEST

/* The same on a real full disk; needs the right to mount one. */
START_TEST(test_full_disk)
{
    struct sink *s;
    struct sink_file *f = NULL;
    struct error err;

    enter();
    if (unshare(CLONE_NEWNS) == 0 &&
        mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
        mkdir("disk", 0777) == 0 &&
        mount("none", "disk", "tmpfs", 0, "size=1m") == 0) {
        ck_fails(open_error("disk", false, &err), &err, ERR_EXISTS, "mount");
        s = open_folder("disk/model", false);
        ck_fails(sink_require(s, 2 << 20, &err), &err, ERR_SPACE, "disk/model");
        ck_ok(sink_create(s, "a", 512 << 10, &f, &err), &err);
        ck_fails(sink_create(s, "b", 768 << 10, &f, &err), &err, ERR_SPACE,
                 "b needs 786 kB");
        ck_assert_str_eq(err.expected, "786432 bytes");
        ck_assert_str_ne(err.actual, "");
        ck_ok(sink_close(f, &err), &err);
        publish(s);
        ck_assert_uint_eq(count("disk/model"), 1);
        ck_assert_int_eq(umount("disk"), 0);
    }
    leave();
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_memory,
        test_publish,
        test_abandon,
        test_paths,
        test_what_is_refused,
        test_overwrite,
        test_target_changes_meanwhile,
        test_overwrite_without_exchange,
        test_failed_fsync_is_final,
        test_failed_write_is_final,
        test_many_files,
        test_leftovers,
        test_no_space,
        test_full_disk,
    };

    return unit_run("sink", tests, sizeof tests / sizeof *tests);
}
