/*
 * The command line: subcommands, and what they share.
 *
 * A subcommand parses its arguments with cli_parse() from a table of options,
 * which is also what its --help prints, and returns the exit status.
 */
#ifndef SWITCHYARD_CLI_CLI_H
#define SWITCHYARD_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/remote.h"
#include "conversion.h"

struct cli_option {
    const char *name; /* without dashes; '-' and '_' mean the same */
    const char *arg;  /* what stands for its value in --help; NULL: none */
    const char *help; /* one line or more; NULL: an alias, not listed */
    const char *key;  /* for apply: the request option it sets, or NULL */
    /* Takes the value (NULL for an option without one) into ctx. */
    int (*apply)(void *ctx, const struct cli_option *o, const char *value,
                 struct error *err);
};

struct cli_syntax {
    const char *command; /* "convert" */
    const char *usage;   /* "CHECKPOINT --out DIR [options]" */
    const char *about;   /* a paragraph */
    const char *notes;   /* printed after the options; "" for none */
    const struct cli_option *options; /* the last has a NULL name */
    /* Takes an argument that is not an option; NULL where there are none. */
    int (*positional)(void *ctx, const char *value, struct error *err);
};

/*
 * Applies argv[1] and on. *done is set where --help was asked for and printed:
 * then there is nothing left to do. Errors are ERR_USAGE or what apply says.
 */
int cli_parse(const struct cli_syntax *syntax, int argc, char **argv, void *ctx,
              bool *done, struct error *err);

/* "switchyard: text" and what else the error knows, on standard error. */
void cli_print_error(const struct error *err);

/* Prints the error, with json set as an object on standard output as well. */
int cli_fail(const struct error *err, bool json);

/* Everything in b to standard output; ERR_WRITE if it does not go. */
int cli_print(struct buf *b, struct error *err);

/* What convert and inspect read from their arguments. */
struct cli_job {
    struct request request;
    struct cli_remote *remote;
    struct convert_progress *progress; /* of the run, for signals */
    const char *checkpoint;            /* borrowed from argv, as what follows */
    const char *gin;
    const char *config;
    const char *out;
    const char *file;       /* the one that is wanted, on standard output */
    const char *range;      /* of it */
    uint32_t shard, shards; /* which of how many; 0: all of it */
    const char *provenance;
    unsigned threads;
    uint64_t memory;
    bool overwrite;
    bool json;
    bool digest;
    bool quiet;
    bool answered; /* standard output has the answer, if only a refusal */
};

/*
 * Parses the arguments into a job and does it with run; returns the exit
 * status.
 */
int cli_job_main(const struct cli_syntax *syntax, int argc, char **argv,
                 int (*run)(struct cli_job *j, struct error *err));

/* Opens what j names; *out is the caller's. */
int cli_job_open(const struct cli_job *j, struct checkpoint **out,
                 struct error *err);

/* Opens and plans it. */
int cli_job_plan(const struct cli_job *j, struct conversion *out,
                 struct error *err);

/* Whether the model, or a part of it, goes to standard output. */
bool cli_streams(const struct cli_job *j);

/* ERR_USAGE where other options contradict that. */
int cli_stream_check(const struct cli_job *j, struct error *err);

/* Writes it there; the report does not name a tensor. */
int cli_stream(const struct cli_job *j, const struct conversion *c,
               struct convert_report *report, struct error *err);

/* "2/5": which share of the files is to be made. */
int cli_apply_shard(void *ctx, const struct cli_option *o, const char *value,
                    struct error *err);

/* Makes that share and prints what it did. */
int cli_shard(const struct cli_job *j, const struct conversion *c,
              struct convert_report *report, struct error *err);

/* The appliers and the positional of the two commands; ctx is a cli_job. */
int cli_apply_request(void *ctx, const struct cli_option *o, const char *value,
                      struct error *err);
int cli_apply_gin(void *ctx, const struct cli_option *o, const char *value,
                  struct error *err);
int cli_apply_gin_path(void *ctx, const struct cli_option *o, const char *value,
                       struct error *err);
int cli_apply_config(void *ctx, const struct cli_option *o, const char *value,
                     struct error *err);
int cli_apply_ca_file(void *ctx, const struct cli_option *o, const char *value,
                      struct error *err);
int cli_apply_token_file(void *ctx, const struct cli_option *o,
                         const char *value, struct error *err);
int cli_apply_timeout(void *ctx, const struct cli_option *o, const char *value,
                      struct error *err);
int cli_apply_json(void *ctx, const struct cli_option *o, const char *value,
                   struct error *err);
int cli_apply_threads(void *ctx, const struct cli_option *o, const char *value,
                      struct error *err);
int cli_apply_memory(void *ctx, const struct cli_option *o, const char *value,
                     struct error *err);
int cli_apply_checkpoint(void *ctx, const struct cli_option *o,
                         const char *value, struct error *err);
int cli_take_checkpoint(void *ctx, const char *value, struct error *err);

/* Of all commands that read gin files. */
#define CLI_GIN_PATH                                                           \
    {                                                                          \
        "gin-path", "DIR",                                                     \
            "where to look for what a gin file includes;\nmay be repeated",    \
            NULL, cli_apply_gin_path                                           \
    }

/* The options that say what is to be made, the same in both commands. */
#define CLI_JOB_OPTIONS                                                        \
    { "gin", "FILE", "the run's gin file, or its URL", NULL, cli_apply_gin },  \
        CLI_GIN_PATH,                                                          \
        { "config", "FILE|DIR", "a config.json, or the folder of one", NULL,   \
          cli_apply_config },                                                  \
        { "num-experts", "N", "how many experts there should be",              \
          "num_experts", cli_apply_request },                                  \
        { "dtype", "TYPE",                                                     \
          "float32 (the default), bfloat16, float16, or\n"                     \
          "source: what the checkpoint holds",                                 \
          "dtype", cli_apply_request },                                        \
        { "max-shard-size", "SIZE",                                            \
          "bytes of tensors in a file (default 5GB)", "max_shard_size",        \
          cli_apply_request },                                                 \
    {                                                                          \
        "compat", "reference",                                                 \
            "write the reference converter's bytes, faults\nincluded",         \
            "compat", cli_apply_request                                        \
    }

/* How URLs are fetched. */
#define CLI_REMOTE_OPTIONS                                                     \
    { "token-file", "FILE",                                                    \
      "a token for the source's server; there are\nalso "                      \
      "SWITCHYARD_SOURCE_TOKEN and the usual\nvariables",                      \
      NULL, cli_apply_token_file },                                            \
        { "ca-file", "FILE",                                                   \
          "certificate authorities to trust, instead of the\nsystem's", NULL,  \
          cli_apply_ca_file },                                                 \
    {                                                                          \
        "timeout", "SECONDS",                                                  \
            "for a request without progress, tries\nincluded (default 120)",   \
            NULL, cli_apply_timeout                                            \
    }

/* Those of the original script that both know. */
#define CLI_JOB_ALIASES                                                        \
    { "switch_t5x_checkpoint_path", "DIR", NULL, NULL, cli_apply_checkpoint }, \
        { "gin_file", "FILE", NULL, NULL, cli_apply_gin },                     \
    {                                                                          \
        "config_name", "FILE|DIR", NULL, NULL, cli_apply_config                \
    }

/*
 * A progress bar on standard error, drawn by a thread of its own while a
 * conversion runs; nothing where standard error is not a terminal.
 */
struct cli_progress;
int cli_progress_start(struct convert_progress *watched, bool quiet,
                       struct cli_progress **out, struct error *err);
void cli_progress_stop(struct cli_progress *p);

/* The subcommands. argv[0] is the subcommand's name. */
int cmd_config(int argc, char **argv);
int cmd_convert(int argc, char **argv);
int cmd_gin(int argc, char **argv);
int cmd_health(int argc, char **argv);
int cmd_inspect(int argc, char **argv);
int cmd_serve(int argc, char **argv);
int cmd_verify(int argc, char **argv);

#endif
