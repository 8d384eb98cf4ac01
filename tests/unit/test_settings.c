/*
 * service/settings: the table, the three places that values come from, which
 * of them wins, and what is printed.
 */
#include "unit.h"

#include <stdio.h>
#include <unistd.h>

#include "base/json.h"
#include "service/log.h"
#include "service/settings.h"

static char *const no_environment[] = { NULL };

static size_t place(const char *name)
{
    int i = settings_find(name);

    ck_assert_int_ge(i, 0);
    return (size_t)i;
}

static int parse(struct settings *s, const char *text, struct error *err)
{
    return settings_parse(s, "f.conf", text, strlen(text), err);
}

START_TEST(test_table)
{
    size_t count = 0;
    const struct setting *table = settings_table(&count);

    for (size_t i = 0; i < count; i++) {
        ck_assert_uint_eq(place(table[i].name), i);
        ck_assert(table[i].help && *table[i].help);
        for (size_t j = 0; j < i; j++)
            ck_assert_uint_ne(table[i].offset, table[j].offset);
        /* Kubernetes sets SWITCHYARD_PORT by itself. */
        ck_assert_str_ne(table[i].name, "port");
    }
    ck_assert_int_eq(settings_find("max_body"), settings_find("max-body"));
    ck_assert_int_eq(settings_find("max-bod"), -1);
    ck_assert_int_eq(settings_find("max-body2"), -1);
}
END_TEST

START_TEST(test_defaults)
{
    struct settings s;
    struct error err;

    ck_ok(settings_init(&s, &err), &err);
    ck_assert_str_eq(s.listen, "127.0.0.1:8080");
    ck_assert(!s.no_auth);
    ck_assert_uint_eq(s.memory, (uint64_t)512 << 20);
    ck_assert_uint_eq(s.upload_age, 7 * 24 * 3600);
    ck_assert_uint_eq(s.log_level, LOG_LEVEL_INFO);
    ck_assert_uint_eq(s.log_format, LOG_FORMAT_TEXT);
    ck_assert_str_eq(s.token, "");
    settings_done(&s);
}
END_TEST

START_TEST(test_choices_match_the_log)
{
    struct settings s;
    struct error err;

    ck_ok(settings_init(&s, &err), &err);
    ck_ok(parse(&s, "log-level = debug\nlog-format = json", &err), &err);
    ck_assert_uint_eq(s.log_level, LOG_LEVEL_DEBUG);
    ck_assert_uint_eq(s.log_format, LOG_FORMAT_JSON);
    settings_done(&s);
}
END_TEST

static const struct {
    const char *text;
    const char *name;
    const char *value;
} good_lines[] = {
    { "max-body = 2GB", "max-body", "2GB" },
    { "max_body=2GB\n", "max-body", "2GB" },
    { "  data\t=  /var/lib/x y  \r\n", "data", "/var/lib/x y" },
    { "# data = /no\n\ndata = /yes # a comment\n", "data", "/yes" },
    { "data = \" a#b \" # c", "data", " a#b " },
    { "data = a#b", "data", "a#b" },
    { "data = a=b", "data", "a=b" },
    { "data = a\"b\" # c", "data", "a\"b\"" },
    { "data = \"\"#", "data", "" },
    { "token-file =", "token-file", "" },
    { "no-auth = Yes", "no-auth", "Yes" },
    { "grace-time = 0", "grace-time", "0" },
    { "cors-origins = https://a.b, http://localhost:3000", "cors-origins",
      "https://a.b, http://localhost:3000" },
};

START_TEST(test_good_lines)
{
    struct settings s;
    struct error err;

    for (size_t i = 0; i < sizeof good_lines / sizeof *good_lines; i++) {
        ck_ok(settings_init(&s, &err), &err);
        ck_ok(parse(&s, good_lines[i].text, &err), &err);
        ck_assert_str_eq(settings_shown(&s, place(good_lines[i].name)),
                         good_lines[i].value);
        settings_done(&s);
    }
}
END_TEST

static const struct {
    const char *text;
    const char *word; /* that the message or the hint has */
} bad_lines[] = {
    { "max-body 2GB", "f.conf:1" },
    { "\n\nmax-body = x", "f.conf:3" },
    { "max-body = 1", "out of range" },
    { "max-bdoy = 2GB", "max-body" }, /* the hint */
    { "jobs = 3", "no setting 'jobs'" },
    { "nothing-like-it = 3", "switchyard config" },
    { "data = /a\ndata = /b", "line 1" },
    { "config-file = /x", "cannot stand in a file" },
    { "data = \"a", "quotation mark" },
    { "data = \"a\" b", "quotation mark" },
    { "data = \"a\"b\"", "quotation mark" },
    { "data = a\tb", "control character" },
    { "no-auth = maybe", "neither yes nor no" },
    { "log-level = loud", "not one of its values" },
    { "log-level = erro", "not one of its values" },
    { "idle-time = 5w", "not a time" },
    { "idle-time = 5sx", "not a time" },
    { "idle-time = s", "not a time" },
    { "idle-time = 99999999999999999999", "not a time" },
    { "idle-time = 0", "out of range" },
    { "threads = -1", "not a number" },
    { "listen = 8080", "address" },
    { "listen = ::1:80", "address" },
    { "listen = example.com:80", "address" },
    { "cors-origins = https://a.b/path", "web origins" },
    { "= 3", "no setting ''" },
};

START_TEST(test_bad_lines)
{
    struct settings s;
    struct error err;
    char all[1024];

    for (size_t i = 0; i < sizeof bad_lines / sizeof *bad_lines; i++) {
        ck_ok(settings_init(&s, &err), &err);
        ck_assert_int_eq(parse(&s, bad_lines[i].text, &err), ERR_USAGE);
        snprintf(all, sizeof all, "%s (%s)", err.text, err.hint);
        ck_assert_msg(strstr(all, bad_lines[i].word), "'%s' lacks '%s'", all,
                      bad_lines[i].word);
        ck_assert_msg(strstr(err.text, "f.conf:"), "%s", err.text);
        settings_done(&s);
    }
    ck_ok(settings_init(&s, &err), &err);
    ck_assert_int_eq(settings_parse(&s, "f.conf", "data = a\0b", 10, &err),
                     ERR_USAGE);
    settings_done(&s);
}
END_TEST

/* Writes text to a new file and returns its name. */
static const char *write_file(const char *text)
{
    static char path[] = "/tmp/switchyard-test-XXXXXX";
    int fd;

    memcpy(path + sizeof path - 7, "XXXXXX", 6);
    fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    return path;
}

START_TEST(test_precedence)
{
    const char *path = write_file("# one\nthreads = 1\nmemory = 1GiB\n"
                                  "max-body = 1MiB\n");
    char file[64];
    char *const environment[] = { file, (char[]){ "SWITCHYARD_MEMORY=2GiB" },
                                  (char[]){ "SWITCHYARD_MAX_BODY=2MiB" },
                                  (char[]){ "HOME=/root" }, NULL };
    struct settings s;
    struct error err;

    snprintf(file, sizeof file, "SWITCHYARD_CONFIG_FILE=%s", path);
    ck_ok(settings_init(&s, &err), &err);
    ck_ok(settings_set(&s, place("max-body"), "3MiB", SETTING_FROM_FLAG, &err),
          &err);
    ck_ok(settings_load(&s, environment, &err), &err);
    ck_assert_uint_eq(s.threads, 1);
    ck_assert_uint_eq(s.memory, (uint64_t)2 << 30);
    ck_assert_uint_eq(s.max_body, (uint64_t)3 << 20);
    ck_assert_int_eq(s.sources[place("threads")].origin, SETTING_FROM_FILE);
    ck_assert_uint_eq(s.sources[place("threads")].line, 2);
    ck_assert_int_eq(s.sources[place("memory")].origin,
                     SETTING_FROM_ENVIRONMENT);
    ck_assert_int_eq(s.sources[place("max-body")].origin, SETTING_FROM_FLAG);
    ck_assert_int_eq(s.sources[place("data")].origin, SETTING_FROM_DEFAULT);
    unlink(path);
    settings_done(&s);
}
END_TEST

START_TEST(test_weaker_values_are_checked)
{
    char *const environment[] = { (char[]){ "SWITCHYARD_THREADS=x" }, NULL };
    struct settings s;
    struct error err;

    ck_ok(settings_init(&s, &err), &err);
    ck_ok(settings_set(&s, place("threads"), "2", SETTING_FROM_FLAG, &err),
          &err);
    ck_fails(settings_load(&s, environment, &err), &err, ERR_USAGE,
             "SWITCHYARD_THREADS");
    ck_fails(settings_set(&s, place("threads"), "x", SETTING_FROM_FLAG, &err),
             &err, ERR_USAGE, "--threads");
    settings_done(&s);
}
END_TEST

START_TEST(test_missing_file)
{
    struct settings s;
    struct error err;

    ck_ok(settings_init(&s, &err), &err);
    ck_ok(settings_set(&s, place("config-file"), "/no/such/file",
                       SETTING_FROM_FLAG, &err),
          &err);
    ck_fails(settings_load(&s, no_environment, &err), &err, ERR_NOT_FOUND,
             "/no/such/file");
    settings_done(&s);
}
END_TEST

START_TEST(test_strangers)
{
    char *const environment[] = {
        (char[]){ "SWITCHYARD_MAXBODY=1" },
        (char[]){ "SWITCHYARD_PORT=tcp://10.0.0.1:80" },
        (char[]){ "SWITCHYARD_PORT_80_TCP_ADDR=10.0.0.1" },
        (char[]){ "SWITCHYARD_SERVICE_HOST=10.0.0.1" },
        (char[]){ "SWITCHYARD_DATA=/data" },
        (char[]){ "PATH=/bin" },
        NULL
    };
    struct buf b = BUF_INIT(1000);

    settings_strangers(environment, &b);
    ck_assert_str_eq(buf_str(&b),
                     "SWITCHYARD_MAXBODY is not a setting and is ignored\n");
    buf_done(&b);
}
END_TEST

/* What is printed reads back as the same values. */
START_TEST(test_text_round_trip)
{
    struct settings a;
    struct settings b;
    struct error err;
    struct buf text = BUF_INIT(65536);
    size_t count = 0;

    settings_table(&count);
    ck_ok(settings_init(&a, &err), &err);
    ck_ok(settings_init(&b, &err), &err);
    ck_ok(parse(&a,
                "data = \"/a #b\"\nmemory = 1GB\nno-auth = on\n"
                "token = hush-hush-hush-hush\nlog-format=json",
                &err),
          &err);
    settings_write_text(&a, &text);
    ck_assert_ptr_null(strstr(buf_str(&text), "hush"));
    ck_ok(parse(&b, buf_str(&text), &err), &err);
    for (size_t i = 0; i < count; i++)
        if (i != place("token"))
            ck_assert_str_eq(settings_shown(&a, i), settings_shown(&b, i));
    buf_done(&text);
    settings_done(&a);
    settings_done(&b);
}
END_TEST

START_TEST(test_json)
{
    struct settings s;
    struct error err;
    struct buf text = BUF_INIT(65536);
    json_t *root = NULL;
    json_t *one;

    ck_ok(settings_init(&s, &err), &err);
    ck_ok(parse(&s, "token = hush-hush-hush-hush\nmemory = 1GB\nno-auth = 1",
                &err),
          &err);
    settings_write_json(&s, &text);
    ck_assert_ptr_null(strstr(buf_str(&text), "hush"));
    ck_ok(json_read(text.data, text.len, "x", ERR_CONFIG, &root, &err), &err);
    one = json_object_get(root, "memory");
    ck_assert_int_eq(json_integer_value(json_object_get(one, "value")),
                     1000000000);
    ck_assert_str_eq(json_string_value(json_object_get(one, "unit")), "bytes");
    ck_assert_str_eq(json_string_value(json_object_get(one, "origin")), "file");
    ck_assert_int_eq(json_integer_value(json_object_get(one, "line")), 2);
    ck_assert(json_is_true(
        json_object_get(json_object_get(root, "no-auth"), "value")));
    json_decref(root);
    buf_done(&text);
    settings_done(&s);
}
END_TEST

START_TEST(test_markdown)
{
    struct buf text = BUF_INIT(65536);
    size_t count = 0;
    size_t lines = 0;

    settings_table(&count);
    settings_write_markdown(&text);
    for (const char *p = buf_str(&text); *p; p++)
        lines += *p == '\n';
    ck_assert_uint_eq(lines, count + 2);
    buf_done(&text);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { test_table,
                                   test_defaults,
                                   test_choices_match_the_log,
                                   test_good_lines,
                                   test_bad_lines,
                                   test_precedence,
                                   test_weaker_values_are_checked,
                                   test_missing_file,
                                   test_strangers,
                                   test_text_round_trip,
                                   test_json,
                                   test_markdown };

    return unit_run("settings", tests, sizeof tests / sizeof *tests);
}
