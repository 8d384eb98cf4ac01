/*
 * Options from a table: getopt_long does the parsing, the same table makes the
 * help.
 *
 * Every name is known with dashes and with underscores, since the original
 * script spelled its options with the latter.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error_json.h"
#include "cli/cli.h"

/* What getopt_long returns: beyond any character. */
enum { HELP = 1 << 16, FIRST_OPTION };

static size_t count_options(const struct cli_option *options)
{
    size_t n = 0;

    while (options[n].name)
        n++;
    return n;
}

static void print_help(const struct cli_syntax *s)
{
    char left[80];

    printf("Usage: switchyard %s %s\n\n%s\n\nOptions:\n", s->command, s->usage,
           s->about);
    for (const struct cli_option *o = s->options; o->name; o++) {
        if (!o->help)
            continue;
        snprintf(left, sizeof left, "--%s%s%s", o->name, o->arg ? " " : "",
                 o->arg ? o->arg : "");
        printf("  %-26s ", left);
        if (strlen(left) > 26)
            printf("\n%29s", "");
        for (const char *p = o->help; *p; p++) {
            putchar(*p);
            if (*p == '\n')
                printf("%29s", "");
        }
        putchar('\n');
    }
    printf("  %-26s %s\n%s", "--help", "print this", s->notes);
}

/* The two spellings of every option, and --help. */
static struct option *make_table(const struct cli_option *options,
                                 char **names_out)
{
    size_t n = count_options(options);
    struct option *table = calloc(2 * n + 2, sizeof *table);
    size_t bytes = 0;
    char *names;
    char *next;

    for (size_t i = 0; i < n; i++)
        bytes += strlen(options[i].name) + 1;
    names = malloc(bytes + 1);
    if (!table || !names) {
        free(table);
        free(names);
        return NULL;
    }
    next = names;
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(options[i].name);
        int has_arg = options[i].arg ? required_argument : no_argument;

        memcpy(next, options[i].name, len + 1);
        for (size_t c = 0; c < len; c++)
            if (next[c] == '-')
                next[c] = '_';
        table[2 * i].name = options[i].name;
        table[2 * i + 1].name = next;
        table[2 * i].has_arg = table[2 * i + 1].has_arg = has_arg;
        table[2 * i].val = table[2 * i + 1].val = FIRST_OPTION + (int)i;
        next += len + 1;
    }
    table[2 * n] = (struct option){ "help", no_argument, NULL, HELP };
    *names_out = names;
    return table;
}

static int refuse(const struct cli_syntax *s, const char *what,
                  const char *which, struct error *err)
{
    error_set(err, ERR_USAGE, "%s: '%.100s'", what, which);
    error_subject(err, "%.100s", which);
    return error_hint(err, "switchyard %s --help lists the options",
                      s->command);
}

static int apply(const struct cli_syntax *s, int choice, char **argv, void *ctx,
                 struct error *err)
{
    const struct cli_option *o;

    if (choice == 1 && optarg) /* RETURN_IN_ORDER's mark */
        return s->positional ? s->positional(ctx, optarg, err)
                             : refuse(s, "an argument too many", optarg, err);
    if (choice == ':')
        return refuse(s, "the option wants a value", argv[optind - 1], err);
    if (choice == '?')
        return refuse(s, "no such option", argv[optind - 1], err);
    o = &s->options[choice - FIRST_OPTION];
    return o->apply(ctx, o, optarg, err);
}

int cli_parse(const struct cli_syntax *s, int argc, char **argv, void *ctx,
              bool *done, struct error *err)
{
    char *names = NULL;
    struct option *table = make_table(s->options, &names);
    int choice = 0;
    int rc = 0;

    *done = false;
    if (!table)
        return error_memory(err);
    optind = 0; /* glibc: start afresh */
    while (!rc && !*done) {
        choice = getopt_long(argc, argv, "-:h", table, NULL);
        if (choice == -1)
            break;
        if (choice == HELP || choice == 'h') {
            print_help(s);
            *done = true;
        } else {
            rc = apply(s, choice, argv, ctx, err);
        }
    }
    for (; !rc && !*done && optind < argc; optind++) { /* after "--" */
        rc = s->positional
                 ? s->positional(ctx, argv[optind], err)
                 : refuse(s, "an argument too many", argv[optind], err);
    }
    free(table);
    free(names);
    return rc;
}

void cli_print_error(const struct error *err)
{
    fprintf(stderr, "switchyard: %s\n", err->text);
    if (*err->expected)
        fprintf(stderr, "  expected: %s\n", err->expected);
    if (*err->actual)
        fprintf(stderr, "  actual:   %s\n", err->actual);
    if (*err->hint)
        fprintf(stderr, "  hint:     %s\n", err->hint);
}

int cli_fail(const struct error *err, bool json)
{
    struct buf b = BUF_INIT(16384);
    struct json_writer w = JSON_WRITER(&b, JSON_STYLE_COMPACT);

    cli_print_error(err);
    if (json) {
        json_open(&w, '{');
        json_key(&w, "error");
        json_open(&w, '{');
        error_json_members(err, &w);
        json_close(&w, '}');
        json_close(&w, '}');
        buf_putc(&b, '\n');
        cli_print(&b, NULL);
        buf_done(&b);
    }
    return error_exit_status(err->code);
}

int cli_print(struct buf *b, struct error *err)
{
    int rc = buf_status(b, err);

    if (rc)
        return rc;
    if (fwrite(b->data, 1, b->len, stdout) != b->len || fflush(stdout) != 0)
        return error_set(err, ERR_WRITE, "cannot write to standard output");
    return 0;
}
