/*
 * What is in force, and the table itself, for people and for programs.
 *
 * The text form is a settings file: fed back, it sets the same values.
 */
#include <string.h>

#include "base/json.h"
#include "service/settings.h"

static const char mask[] = "***";

const char *settings_shown(const struct settings *s, size_t index)
{
    size_t count = 0;
    const struct setting *row = &settings_table(&count)[index];
    const char *text = s->sources[index].text;

    return row->flags & SETTING_SECRET && *text ? mask : text;
}

static void put_origin(const struct settings *s, size_t index, struct buf *out)
{
    const struct setting_source *source = &s->sources[index];

    if (source->origin == SETTING_FROM_FILE)
        buf_printf(out, "%s:%u", s->config_file, source->line);
    else if (source->origin == SETTING_FROM_ENVIRONMENT)
        buf_puts(out, "environment");
    else
        buf_puts(out, source->origin == SETTING_FROM_FLAG ? "flag" : "default");
}

/* Quotes where the bare text would be read as something else. */
static void put_value(const char *text, struct buf *out)
{
    size_t len = strlen(text);
    bool bare = *text != '#' && *text != '"' && !strstr(text, " #") &&
                (len == 0 || (text[0] != ' ' && text[len - 1] != ' '));

    buf_printf(out, bare ? "%s" : "\"%s\"", text);
}

void settings_write_text(const struct settings *s, struct buf *out)
{
    size_t count = 0;
    const struct setting *table = settings_table(&count);

    for (size_t i = 0; i < count; i++) {
        bool comment = table[i].flags & (SETTING_NO_FILE | SETTING_SECRET);
        size_t start = out->len;

        buf_printf(out, "%s%s = ", comment ? "# " : "", table[i].name);
        put_value(settings_shown(s, i), out);
        do
            buf_putc(out, ' ');
        while (out->len - start < 40 && !out->failed);
        buf_puts(out, "# ");
        put_origin(s, i, out);
        buf_putc(out, '\n');
    }
}

static void put_json_value(const struct settings *s, size_t index,
                           const struct setting *row, struct json_writer *w)
{
    const void *member = (const char *)s + row->offset;

    json_key(w, "value");
    switch (row->type) {
    case SETTING_SWITCH:
        json_bool(w, *(const bool *)member);
        break;
    case SETTING_COUNT:
    case SETTING_SIZE:
    case SETTING_TIME:
        json_u64(w, *(const uint64_t *)member);
        break;
    default:
        json_str(w, settings_shown(s, index));
    }
}

void settings_write_json(const struct settings *s, struct buf *out)
{
    static const char *const origins[] = { "default", "file", "environment",
                                           "flag" };
    size_t count = 0;
    const struct setting *table = settings_table(&count);
    struct json_writer w = JSON_WRITER(out, JSON_STYLE_PYTHON);

    json_open(&w, '{');
    for (size_t i = 0; i < count; i++) {
        const struct setting_source *source = &s->sources[i];

        json_key(&w, table[i].name);
        json_open(&w, '{');
        put_json_value(s, i, &table[i], &w);
        if (table[i].type == SETTING_SIZE)
            json_key_str(&w, "unit", "bytes");
        if (table[i].type == SETTING_TIME)
            json_key_str(&w, "unit", "seconds");
        json_key_str(&w, "origin", origins[source->origin]);
        if (source->origin == SETTING_FROM_FILE) {
            json_key_str(&w, "file", s->config_file);
            json_key_u64(&w, "line", source->line);
        }
        json_close(&w, '}');
    }
    json_close(&w, '}');
    buf_putc(out, '\n');
}

static void put_cell(const char *text, struct buf *out)
{
    for (; *text; text++) {
        if (*text == '|')
            buf_putc(out, '\\');
        buf_putc(out, *text == '\n' ? ' ' : *text);
    }
}

void settings_write_markdown(struct buf *out)
{
    size_t count = 0;
    const struct setting *table = settings_table(&count);

    buf_puts(out, "| Setting | Default | |\n|---|---|---|\n");
    for (size_t i = 0; i < count; i++) {
        const struct setting *row = &table[i];

        buf_printf(out, "| `%s` | ", row->name);
        if (*row->fallback)
            buf_printf(out, "`%s`", row->fallback);
        buf_puts(out, " | ");
        put_cell(row->help, out);
        if (row->choices)
            buf_printf(out, "; one of `%s`", row->choices);
        if (row->flags & SETTING_NO_FLAG)
            buf_puts(out, "; not as a flag");
        buf_puts(out, " |\n");
    }
}
