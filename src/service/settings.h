/*
 * The service's settings: one table of names, types, defaults and help.
 *
 * Each can be given as a flag (--max-body 2GB), in the environment
 * (SWITCHYARD_MAX_BODY=2GB) and in a file (max-body = 2GB); a flag wins over
 * the environment, that over the file, that over the default. Where each value
 * comes from is kept. The table makes --help, the README's list and what
 * "switchyard config" prints.
 */
#ifndef SWITCHYARD_SERVICE_SETTINGS_H
#define SWITCHYARD_SERVICE_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum { SETTINGS_MAX = 64, SETTINGS_FILE_BYTES = 256 * 1024 };

enum setting_type {
    SETTING_TEXT,
    SETTING_PATH,
    SETTING_ADDRESS, /* as address_parse() takes it */
    SETTING_ORIGINS, /* web origins, with commas between them, or "*" */
    SETTING_SWITCH,
    SETTING_CHOICE,
    SETTING_COUNT,
    SETTING_SIZE, /* bytes */
    SETTING_TIME, /* seconds */
};

enum setting_flag {
    SETTING_SECRET = 1,  /* never printed */
    SETTING_NO_FLAG = 2, /* not on the command line, where others can see it */
    SETTING_NO_FILE = 4,
    SETTING_LIST = 8, /* given again, it adds to the list, with ':' between */
};

struct setting {
    const char *name;     /* "max-body" */
    const char *fallback; /* the default, as a user would write it */
    const char *choices;  /* "error warning info debug", for SETTING_CHOICE */
    const char *help;     /* lines of at most 50 characters */
    size_t offset;        /* of the value in struct settings */
    uint64_t min;         /* for numbers */
    uint64_t max;
    enum setting_type type;
    unsigned flags;
};

enum setting_origin {
    SETTING_FROM_DEFAULT,
    SETTING_FROM_FILE,
    SETTING_FROM_ENVIRONMENT,
    SETTING_FROM_FLAG,
};

/* Where the value of one setting comes from. */
struct setting_source {
    char *text; /* the value as it was written; what text settings point to */
    enum setting_origin origin;
    unsigned line; /* in the file; 0 elsewhere */
};

/* Text is "" where nothing was given. A count of 0 means what help says. */
struct settings {
    const char *config_file;
    const char *listen;
    const char *data;
    const char *token_file;
    const char *token;
    bool no_auth;
    const char *cors_origins;

    uint64_t max_body;
    uint64_t max_upload;
    uint64_t upload_age;
    uint64_t job_age;
    uint64_t max_entries;
    uint64_t disk_quota;
    uint64_t min_free;
    uint64_t jobs_queued;
    uint64_t jobs_at_once;
    uint64_t connections;
    uint64_t client_connections;
    uint64_t client_rate;
    uint64_t request_time;
    uint64_t idle_time;
    uint64_t memory;
    uint64_t threads;

    const char *allow_local;
    const char *source_schemes;
    const char *source_ports;
    const char *source_hosts;
    const char *source_exceptions;
    uint64_t source_time;
    const char *ca_file;
    const char *hf_token;
    const char *hf_endpoint;
    const char *gcs_token;
    const char *gcs_endpoint;
    const char *gcs_metadata;
    const char *gcs_project;
    const char *s3_key;
    const char *s3_secret;
    const char *s3_session;
    const char *s3_region;
    const char *s3_endpoint;
    unsigned s3_style; /* 0: path, 1: virtual */

    unsigned log_level;  /* enum log_level */
    unsigned log_format; /* enum log_format */
    uint64_t grace_time;

    struct setting_source sources[SETTINGS_MAX]; /* as settings_table() */
};

const struct setting *settings_table(size_t *count);

/* The place of a name in the table, '_' as good as '-'; -1 for a stranger. */
int settings_find(const char *name);

/* All defaults. settings_done() is fine after a failure as well. */
int settings_init(struct settings *s, struct error *err);
void settings_done(struct settings *s);

/*
 * Takes one value, unless a stronger origin has given one. The value is checked
 * in any case: ERR_USAGE, with the name as the user wrote it in that place.
 * index is the setting's place in the table.
 */
int settings_set(struct settings *s, size_t index, const char *text,
                 enum setting_origin origin, struct error *err);

/*
 * Takes SWITCHYARD_* from envp, then the file that config-file names. Flags
 * have been set before. ERR_USAGE names variable, or file and line.
 */
int settings_load(struct settings *s, char *const *envp, struct error *err);

/*
 * The file's text: "name = value" lines; blank lines and what follows a '#' at
 * a line's start or after a blank are skipped; a value may stand in double
 * quotes, and is then taken as it is. path is for messages.
 */
int settings_parse(struct settings *s, const char *path, const char *data,
                   size_t len, struct error *err);

/*
 * Appends a line for each variable of envp that starts with SWITCHYARD_ and is
 * none of the settings. They are no errors: container platforms set such names
 * by themselves (SWITCHYARD_SERVICE_HOST), which are left out here.
 */
void settings_strangers(char *const *envp, struct buf *out);

/* The value in force; secrets are masked. Borrowed. */
const char *settings_shown(const struct settings *s, size_t index);

/* What is in force and from where, as a settings file or as JSON. */
void settings_write_text(const struct settings *s, struct buf *out);
void settings_write_json(const struct settings *s, struct buf *out);

/* The table as the README has it. */
void settings_write_markdown(struct buf *out);

#endif
