/*
 * flax.training.checkpoints, flax 0.3 and later.
 *
 * The file is the state that was given to save_checkpoint(): a TrainState
 * (params, opt_state, step), the variables of a model (params and other
 * collections), or parameters alone. On several hosts every array that no
 * single one of them held is a text in the file, "//GDAPlaceholder:" and the
 * path of a zarr array in the folder beside it.
 */
#include "checkpoint/flax.h"

#include <stdio.h>
#include <string.h>

#include "checkpoint/layout.h"
#include "checkpoint/zarr.h"

/* state.params.params: variables inside a TrainState. */
enum { FLAX_MAX_LEVELS = 3 };

static const char far_mark[] = "//GDAPlaceholder:";

/* One level; *found says whether *pos has moved. */
static int enter_params(struct msgpack *m, uint64_t *pos, bool *found,
                        struct error *err)
{
    struct msgpack_item map, item;
    uint64_t inner = 0;
    char key[16];
    bool fits = false;
    int rc;

    *found = false;
    m->pos = *pos;
    rc = msgpack_next(m, &map, err);
    if (rc || map.kind != MSGPACK_MAP)
        return rc;
    for (uint64_t i = 0; i < map.count && !rc && !*found; i++) {
        rc = msgpack_next(m, &item, err);
        if (!rc)
            rc = msgpack_text(m, &item, key, sizeof key, &fits, err);
        inner = m->pos;
        if (!rc)
            rc = msgpack_next(m, &item, err);
        *found = !rc && !strcmp(key, "params") && item.kind == MSGPACK_MAP;
        if (!rc && !*found)
            rc = msgpack_skip(m, &item, NULL, NULL, err);
    }
    if (!rc && *found)
        *pos = inner;
    return rc;
}

int flax_find_params(struct msgpack *m, uint64_t *pos, struct error *err)
{
    bool found = true;
    int rc = 0;

    for (unsigned i = 0; i < FLAX_MAX_LEVELS && found && !rc; i++)
        rc = enter_params(m, pos, &found, err);
    return rc;
}

static int leads_out(const char *name, const char *text, struct error *err)
{
    error_set(err, ERR_PATH,
              "array %.200s: its placeholder '%.200s' leads out of the "
              "checkpoint",
              name, text);
    error_subject(err, "%s", name);
    error_expected(err, "a path inside the folder beside the index");
    return error_actual(err, "%.150s", text);
}

int flax_add_far(struct checkpoint *c, const char *index, const char *text,
                 const char *name, bool *found, struct error *err)
{
    const char *path = text + sizeof far_mark - 1;
    char folder[STORE_NAME_MAX + 1];
    struct array *a = NULL;
    int n, rc;

    *found = !strncmp(text, far_mark, sizeof far_mark - 1);
    if (!*found)
        return 0;
    n = snprintf(folder, sizeof folder, "%s_gda/%s", index, path);
    if (n < 0 || (size_t)n >= sizeof folder ||
        store_check_name(folder, NULL) != 0)
        return leads_out(name, path, err);
    rc = zarr_open(c->store, folder, name, &a, err);
    return rc ? rc : layout_add(c, a, err);
}
