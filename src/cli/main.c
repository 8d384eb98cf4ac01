/*
 * The program's front door: picks the subcommand.
 *
 * A first argument that is an option means convert, so that the options of the
 * original Python script work with nothing but the program's name exchanged.
 */
#include <stdio.h>
#include <string.h>
#ifdef __GLIBC__ /* which <stdio.h> defines */
#include <malloc.h>
#endif

#include "cli/cli.h"

struct command {
    const char *name;
    const char *summary;
    int (*run)(int argc, char **argv);
};

static const struct command commands[] = {
    { "convert", "convert a checkpoint to a Hugging Face model", cmd_convert },
    { "inspect", "show what a conversion would do", cmd_inspect },
    { "verify", "hold a model against the checkpoint it was made of",
      cmd_verify },
    { "gin", "show what a gin file says, and the config it gives", cmd_gin },
    { "serve", "convert over HTTP", cmd_serve },
    { "config", "show the service's settings and where they come from",
      cmd_config },
    { "health", "ask the service whether it is ready", cmd_health },
};

static void print_help(void)
{
    puts("Usage: switchyard COMMAND [ARGUMENT...]\n\n"
         "Converts T5X Switch Transformer checkpoints to safetensors and "
         "config.json.\n\nCommands:");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        printf("  %-10s %s\n", commands[i].name, commands[i].summary);
    puts("\nswitchyard COMMAND --help tells a command's options;\n"
         "switchyard --version the program's version.\n\nExit status:\n"
         "  0  done\n"
         "  1  internal error, out of memory, or interrupted\n"
         "  2  the command line is wrong\n"
         "  3  the input was read and refused\n"
         "  4  the input could not be read\n"
         "  5  the output could not be written\n"
         "  6  the model is not what the checkpoint gives (verify)");
}

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (!strcmp(commands[i].name, name))
            return &commands[i];
    return NULL;
}

static int run(int argc, char **argv)
{
    const char *first = argv[1];
    const struct command *command = find_command(first);
    struct error err;

    if (command)
        return command->run(argc - 1, argv + 1);
    if (!strcmp(first, "help") && argc > 2 && find_command(argv[2]))
        return find_command(argv[2])->run(
            2, (char *[]){ argv[2], (char[]){ "--help" }, NULL });
    if (!strcmp(first, "help") || !strcmp(first, "--help") ||
        !strcmp(first, "-h")) {
        print_help();
        return EXIT_OK;
    }
    if (!strcmp(first, "--version")) {
        puts(PACKAGE_STRING);
        return EXIT_OK;
    }
    if (first[0] == '-')
        return cmd_convert(argc, argv);
    error_set(&err, ERR_USAGE, "there is no command '%.64s'", first);
    error_hint(&err, "switchyard --help lists the commands");
    return cli_fail(&err, false);
}

/*
 * Chunks come and go in several threads, whose heaps glibc would let grow: what
 * is large comes from the system, and goes back to it.
 */
static void tame_malloc(void)
{
#ifdef __GLIBC__
    mallopt(M_MMAP_THRESHOLD, 1 << 20);
#endif
}

int main(int argc, char **argv)
{
    tame_malloc();
    if (argc < 2) {
        print_help();
        return EXIT_USAGE;
    }
    return run(argc, argv);
}
