/*
 * The table of settings, and how a value is checked and kept.
 *
 * Every row names the member of struct settings that it fills; the text as it
 * was written stays beside it in sources[], which is also what text members
 * point to. Adding a setting is one member and one row.
 */
#include "service/settings.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/num.h"
#include "service/address.h"
#include "service/origin.h"

#define KIB ((uint64_t)1 << 10)
#define MIB ((uint64_t)1 << 20)
#define GIB ((uint64_t)1 << 30)
#define DAY ((uint64_t)24 * 60 * 60)

#define AT(member) .offset = offsetof(struct settings, member)

static const struct setting table[] = {
    { .name = "config-file",
      AT(config_file),
      .type = SETTING_PATH,
      .fallback = "",
      .flags = SETTING_NO_FILE,
      .help = "a file of settings, one \"name = value\" a line" },
    { .name = "listen",
      AT(listen),
      .type = SETTING_ADDRESS,
      .fallback = "127.0.0.1:8080",
      .help = "address and port; *:8080 is every address, port\n"
              "0 any free one. Any address but loopback wants\n"
              "token-file, token or no-auth" },
    { .name = "data",
      AT(data),
      .type = SETTING_PATH,
      .fallback = "switchyard-data",
      .help = "the folder of uploads, models and the database" },
    { .name = "token-file",
      AT(token_file),
      .type = SETTING_PATH,
      .fallback = "",
      .help = "a file of \"ROLE TOKEN [NAME]\" lines; roles are\n"
              "read, convert and admin. Read again when it changes" },
    { .name = "token",
      AT(token),
      .type = SETTING_TEXT,
      .fallback = "",
      .flags = SETTING_SECRET | SETTING_NO_FLAG,
      .help = "one admin token, for platforms that hand secrets\n"
              "over in the environment" },
    { .name = "no-auth",
      AT(no_auth),
      .type = SETTING_SWITCH,
      .fallback = "no",
      .help = "serve everybody who can connect, without tokens" },
    { .name = "cors-origins",
      AT(cors_origins),
      .type = SETTING_ORIGINS,
      .fallback = "",
      .help = "web origins whose pages may call the API, as\n"
              "https://a.example,https://b.example; * for all" },
    { .name = "max-body",
      AT(max_body),
      .type = SETTING_SIZE,
      .fallback = "16GiB",
      .min = KIB,
      .max = INT64_MAX,
      .help = "bytes of a request's body, uploads excepted" },
    { .name = "max-upload",
      AT(max_upload),
      .type = SETTING_SIZE,
      .fallback = "1TiB",
      .min = 1,
      .max = INT64_MAX,
      .help = "bytes of an upload, packed and unpacked" },
    { .name = "upload-age",
      AT(upload_age),
      .type = SETTING_TIME,
      .fallback = "7d",
      .min = 1,
      .max = 3650 * DAY,
      .help = "an upload that nobody touches this long is removed" },
    { .name = "max-entries",
      AT(max_entries),
      .type = SETTING_COUNT,
      .fallback = "1000000",
      .min = 1,
      .max = 100000000,
      .help = "files and folders of an upload" },
    { .name = "disk-quota",
      AT(disk_quota),
      .type = SETTING_SIZE,
      .fallback = "0",
      .max = INT64_MAX,
      .help = "bytes of all uploads and models; 0: what the disk\n"
              "holds" },
    { .name = "min-free",
      AT(min_free),
      .type = SETTING_SIZE,
      .fallback = "1GiB",
      .max = INT64_MAX,
      .help = "bytes that stay free on the disk" },
    { .name = "jobs-queued",
      AT(jobs_queued),
      .type = SETTING_COUNT,
      .fallback = "1000",
      .max = 1000000,
      .help = "jobs that may wait; one more is answered with 429" },
    { .name = "job-age",
      AT(job_age),
      .type = SETTING_TIME,
      .fallback = "30d",
      .max = 3650 * DAY,
      .help = "a job that ended this long ago is forgotten; 0:\nnever. "
              "Its model stays" },
    { .name = "jobs-at-once",
      AT(jobs_at_once),
      .type = SETTING_COUNT,
      .fallback = "1",
      .min = 1,
      .max = 64,
      .help = "jobs that run at the same time" },
    { .name = "connections",
      AT(connections),
      .type = SETTING_COUNT,
      .fallback = "1024",
      .min = 1,
      .max = 100000,
      .help = "connections at the same time" },
    { .name = "client-connections",
      AT(client_connections),
      .type = SETTING_COUNT,
      .fallback = "0",
      .max = 100000,
      .help = "connections of one client; 0: no limit, as behind a\nproxy" },
    { .name = "client-rate",
      AT(client_rate),
      .type = SETTING_COUNT,
      .fallback = "200",
      .max = 1000000,
      .help = "requests a second of one client, with bursts of\n"
              "twice as many; 0: no limit" },
    { .name = "request-time",
      AT(request_time),
      .type = SETTING_TIME,
      .fallback = "12h",
      .min = 1,
      .max = 365 * DAY,
      .help = "the longest that one request may take" },
    { .name = "idle-time",
      AT(idle_time),
      .type = SETTING_TIME,
      .fallback = "60s",
      .min = 1,
      .max = DAY,
      .help = "a connection on which nothing moves is closed" },
    { .name = "memory",
      AT(memory),
      .type = SETTING_SIZE,
      .fallback = "512MiB",
      .min = 16 * MIB,
      .max = 1024 * GIB,
      .help = "bytes that all conversions together work with" },
    { .name = "threads",
      AT(threads),
      .type = SETTING_COUNT,
      .fallback = "0",
      .max = 1024,
      .help = "threads that convert; 0: one for each processor" },
    { .name = "allow-local",
      AT(allow_local),
      .type = SETTING_TEXT,
      .fallback = "",
      .flags = SETTING_LIST,
      .help = "a folder whose checkpoints requests may name, by\n"
              "path or file:// URL; may be repeated. Elsewhere\n"
              "than in flags: folders with ':' between" },
    { .name = "source-schemes",
      AT(source_schemes),
      .type = SETTING_TEXT,
      .fallback = "https gs s3 hf",
      .help = "the URLs that requests may name as sources: some\n"
              "of https, http, gs, s3 and hf" },
    { .name = "source-ports",
      AT(source_ports),
      .type = SETTING_TEXT,
      .fallback = "443",
      .help = "the ports of http and https that are asked, as\n"
              "443,8000-8999" },
    { .name = "source-hosts",
      AT(source_hosts),
      .type = SETTING_TEXT,
      .fallback = "",
      .help = "the only hosts that are asked, as\n"
              "example.org,*.example.org; empty: all" },
    { .name = "source-exceptions",
      AT(source_exceptions),
      .type = SETTING_TEXT,
      .fallback = "",
      .help = "hosts, addresses and networks that are asked\n"
              "though they are not public, as\n"
              "minio.internal,10.1.0.0/16" },
    { .name = "source-time",
      AT(source_time),
      .type = SETTING_TIME,
      .fallback = "120s",
      .min = 1,
      .max = DAY,
      .help = "a request to a source fails after this long\n"
              "without progress, repetitions included" },
    { .name = "ca-file",
      AT(ca_file),
      .type = SETTING_PATH,
      .fallback = "",
      .help = "certificate authorities of sources, instead of the\n"
              "system's" },
    { .name = "hf-token",
      AT(hf_token),
      .type = SETTING_TEXT,
      .fallback = "",
      .flags = SETTING_SECRET | SETTING_NO_FLAG,
      .help = "a token for hf:// sources, used for everybody" },
    { .name = "hf-endpoint",
      AT(hf_endpoint),
      .type = SETTING_TEXT,
      .fallback = "",
      .help = "another server than https://huggingface.co" },
    { .name = "gcs-token",
      AT(gcs_token),
      .type = SETTING_TEXT,
      .fallback = "",
      .flags = SETTING_SECRET | SETTING_NO_FLAG,
      .help = "a token for gs:// sources, used for everybody" },
    { .name = "gcs-endpoint",
      AT(gcs_endpoint),
      .type = SETTING_TEXT,
      .fallback = "",
      .help = "another server than https://storage.googleapis.com" },
    { .name = "gcs-metadata",
      AT(gcs_metadata),
      .type = SETTING_TEXT,
      .fallback = "",
      .help = "where tokens for gs:// sources are asked for, on\n"
              "Google's machines metadata.google.internal" },
    { .name = "gcs-project",
      AT(gcs_project),
      .type = SETTING_TEXT,
      .fallback = "",
      .help = "the project that pays for gs:// sources whose\n"
              "owners let the reader pay" },
    { .name = "s3-key",
      AT(s3_key),
      .type = SETTING_TEXT,
      .fallback = "",
      .help = "the access key for s3:// sources" },
    { .name = "s3-secret",
      AT(s3_secret),
      .type = SETTING_TEXT,
      .fallback = "",
      .flags = SETTING_SECRET | SETTING_NO_FLAG,
      .help = "the secret that goes with s3-key" },
    { .name = "s3-session",
      AT(s3_session),
      .type = SETTING_TEXT,
      .fallback = "",
      .flags = SETTING_SECRET | SETTING_NO_FLAG,
      .help = "the session token, where s3-key is a temporary one" },
    { .name = "s3-region",
      AT(s3_region),
      .type = SETTING_TEXT,
      .fallback = "",
      .help = "the region of s3:// sources; empty: the bucket's\n"
              "is asked for" },
    { .name = "s3-endpoint",
      AT(s3_endpoint),
      .type = SETTING_TEXT,
      .fallback = "",
      .help = "another server than Amazon's" },
    { .name = "s3-style",
      AT(s3_style),
      .type = SETTING_CHOICE,
      .fallback = "path",
      .choices = "path virtual",
      .help = "where s3-endpoint wants a bucket's name: in the\n"
              "path, or before the host" },
    { .name = "log-level",
      AT(log_level),
      .type = SETTING_CHOICE,
      .fallback = "info",
      .choices = "error warning info debug",
      .help = "how much is logged, on standard error" },
    { .name = "log-format",
      AT(log_format),
      .type = SETTING_CHOICE,
      .fallback = "text",
      .choices = "text json",
      .help = "lines for people or for programs" },
    { .name = "grace-time",
      AT(grace_time),
      .type = SETTING_TIME,
      .fallback = "30s",
      .max = DAY,
      .help = "how long what runs may go on after SIGTERM" },
};

enum { COUNT = sizeof table / sizeof *table };
_Static_assert((int)COUNT <= (int)SETTINGS_MAX, "sources[] is too short");

const struct setting *settings_table(size_t *count)
{
    *count = COUNT;
    return table;
}

int settings_find(const char *name)
{
    for (int i = 0; i < COUNT; i++) {
        const char *a = table[i].name;
        const char *b = name;

        while (*a && (*a == *b || (*a == '-' && *b == '_'))) {
            a++;
            b++;
        }
        if (!*a && !*b)
            return i;
    }
    return -1;
}

/* What the user wrote: "SWITCHYARD_MAX_BODY", "--max-body" or "max-body". */
static const char *name_for(const struct setting *s, enum setting_origin origin,
                            char name[static 64])
{
    static const char *const prefixes[] = {
        [SETTING_FROM_DEFAULT] = "",
        [SETTING_FROM_FILE] = "",
        [SETTING_FROM_ENVIRONMENT] = "SWITCHYARD_",
        [SETTING_FROM_FLAG] = "--",
    };

    snprintf(name, 64, "%s%s", prefixes[origin], s->name);
    if (origin == SETTING_FROM_ENVIRONMENT)
        for (char *p = name; *p; p++)
            *p = (char)(*p == '-' ? '_' : toupper((unsigned char)*p));
    return name;
}

static int parse_switch(const char *name, const char *text, bool *out,
                        struct error *err)
{
    static const char *const words[] = { "no",    "yes",  "off", "on",
                                         "false", "true", "0",   "1" };

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (!strcasecmp(text, words[i])) {
            *out = i % 2;
            return 0;
        }
    }
    error_set(err, ERR_USAGE, "%s is neither yes nor no: '%.64s'", name, text);
    return error_actual(err, "%.64s", text);
}

static int parse_choice(const char *name, const char *text, const char *choices,
                        unsigned *out, struct error *err)
{
    size_t len = strlen(text);
    unsigned i = 0;

    for (const char *p = choices; *p; p += strspn(p, " "), i++) {
        size_t word = strcspn(p, " ");

        if (word == len && !strncasecmp(p, text, len)) {
            *out = i;
            return 0;
        }
        p += word;
    }
    error_set(err, ERR_USAGE, "%s is not one of its values: '%.64s'", name,
              text);
    error_actual(err, "%.64s", text);
    return error_expected(err, "one of: %s", choices);
}

/* "90", "90s", "5m", "24h" or "7d". */
static int parse_time(const char *name, const char *text, uint64_t *out,
                      struct error *err)
{
    static const struct {
        char unit;
        uint32_t seconds;
    } units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
    uint64_t scale = 1;
    size_t digits = strspn(text, "0123456789");
    char number[16];

    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (text[digits] == units[i].unit)
            scale = units[i].seconds;
    if (digits == 0 || digits >= sizeof number ||
        (text[digits] && (!strchr("smhd", text[digits]) || text[digits + 1]))) {
        error_set(err, ERR_USAGE, "%s is not a time: '%.64s'", name, text);
        error_actual(err, "%.64s", text);
        return error_expected(err, "a whole number with s, m, h or d, as 30s");
    }
    memcpy(number, text, digits);
    number[digits] = '\0';
    *out = strtoull(number, NULL, 10) * scale;
    return 0;
}

static int in_range(const char *name, const char *text, const struct setting *s,
                    uint64_t value, struct error *err)
{
    if (value >= s->min && value <= s->max)
        return 0;
    error_set(err, ERR_USAGE, "%s is out of range: '%.64s'", name, text);
    error_actual(err, "%.64s", text);
    return error_expected(err, "%llu to %llu", (unsigned long long)s->min,
                          (unsigned long long)s->max);
}

static int parse_number(const char *name, const char *text,
                        const struct setting *s, uint64_t *out,
                        struct error *err)
{
    int rc = 0;

    if (s->type == SETTING_COUNT)
        return num_parse_uint(name, text, s->min, s->max, out, err);
    if (s->type == SETTING_SIZE)
        rc = num_parse_size(name, text, out, err);
    else
        rc = parse_time(name, text, out, err);
    return rc ? rc : in_range(name, text, s, *out, err);
}

static int check_text(const char *name, const char *text,
                      const struct setting *s, struct error *err)
{
    struct address ignored;

    for (const char *p = text; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            return error_set(err, ERR_USAGE, "%s holds a control character",
                             name);
    if (s->type == SETTING_ADDRESS)
        return address_parse(name, text, &ignored, err);
    if (s->type == SETTING_ORIGINS)
        return origin_check_list(name, text, err);
    return 0;
}

/* A value of any type, before it is known whether it is in force. */
union value {
    const char *text;
    uint64_t number;
    unsigned choice;
    bool on;
};

static int parse(const char *name, const char *text, const struct setting *s,
                 union value *out, struct error *err)
{
    switch (s->type) {
    case SETTING_SWITCH:
        return parse_switch(name, text, &out->on, err);
    case SETTING_CHOICE:
        return parse_choice(name, text, s->choices, &out->choice, err);
    case SETTING_COUNT:
    case SETTING_SIZE:
    case SETTING_TIME:
        return parse_number(name, text, s, &out->number, err);
    default:
        out->text = text;
        return check_text(name, text, s, err);
    }
}

static void store(struct settings *s, const struct setting *row,
                  union value value)
{
    void *member = (char *)s + row->offset;

    switch (row->type) {
    case SETTING_SWITCH:
        *(bool *)member = value.on;
        break;
    case SETTING_CHOICE:
        *(unsigned *)member = value.choice;
        break;
    case SETTING_COUNT:
    case SETTING_SIZE:
    case SETTING_TIME:
        *(uint64_t *)member = value.number;
        break;
    default:
        *(const char **)member = value.text;
    }
}

int settings_set(struct settings *s, size_t index, const char *text,
                 enum setting_origin origin, struct error *err)
{
    const struct setting *row = &table[index];
    struct setting_source *source = &s->sources[index];
    union value value = { NULL };
    char name[64];
    char *copy;
    int rc = parse(name_for(row, origin, name), text, row, &value, err);

    if (rc || origin < source->origin)
        return rc;
    if ((row->flags & SETTING_LIST) && origin == SETTING_FROM_FLAG &&
        source->origin == origin)
        rc = asprintf(&copy, "%s:%s", source->text, text) < 0;
    else
        copy = strdup(text);
    if (rc || !copy)
        return error_memory(err);
    if (value.text == text)
        value.text = copy;
    store(s, row, value);
    free(source->text);
    *source = (struct setting_source){ .text = copy, .origin = origin };
    return 0;
}

int settings_init(struct settings *s, struct error *err)
{
    int rc = 0;

    memset(s, 0, sizeof *s);
    for (size_t i = 0; !rc && i < COUNT; i++)
        rc = settings_set(s, i, table[i].fallback, SETTING_FROM_DEFAULT, err);
    return rc;
}

void settings_done(struct settings *s)
{
    for (size_t i = 0; i < COUNT; i++)
        free(s->sources[i].text);
    memset(s, 0, sizeof *s);
}
