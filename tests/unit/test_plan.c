/*
 * plan.c: sizes, files, offsets, groups, and the two ways to print a plan.
 *
 * The checkpoint and the model are written by hand: a plan is made of metadata
 * only, so nothing here has weights.
 */
#include "unit.h"

#include <stdio.h>

#include "base/json.h"
#include "plan.h"
#include "safetensors/safetensors.h"

enum { EXPERTS = 3 };

struct fixture {
    struct array arrays[3];
    struct array *pointers[3];
    struct checkpoint checkpoint;
    struct model_tensor tensors[2 + EXPERTS];
    struct model model;
};

static char *const expert_names[EXPERTS] = { "e.expert_0.wi", "e.expert_1.wi",
                                             "e.expert_2.wi" };

static void set_array(struct array *a, const char *name, unsigned rank,
                      uint64_t d0, uint64_t d1, uint64_t d2)
{
    const uint64_t dims[3] = { d0, d1, d2 };

    a->name = (char *)(uintptr_t)name;
    a->codec = "gzip";
    a->dtype = DTYPE_F32;
    a->rank = rank;
    for (unsigned i = 0; i < rank; i++)
        a->shape[i] = a->chunk[i] = dims[i];
}

/* shared [5, 2]; experts [3, 2, 4], transposed; norm [2]. */
static void set_up(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    set_array(&f->arrays[0], "e/wi", 3, EXPERTS, 2, 4);
    set_array(&f->arrays[1], "norm", 1, 2, 0, 0);
    set_array(&f->arrays[2], "shared", 2, 5, 2, 0);
    for (size_t i = 0; i < 3; i++)
        f->pointers[i] = &f->arrays[i];
    f->checkpoint.path = (char *)(uintptr_t) "DIR/checkpoint_7";
    f->checkpoint.format = "t5x";
    f->checkpoint.version = 3;
    f->checkpoint.step = 7;
    f->checkpoint.arrays = f->pointers;
    f->checkpoint.count = 3;
    f->tensors[0] = (struct model_tensor){
        .name = (char *)(uintptr_t) "shared.weight",
        .array = 2,
        .expert = -1,
        .rank = 2,
        .shape = { 5, 2 },
    };
    for (size_t i = 0; i < EXPERTS; i++)
        f->tensors[1 + i] = (struct model_tensor){
            .name = expert_names[i],
            .array = 0,
            .expert = (int64_t)i,
            .rank = 2,
            .shape = { 4, 2 },
            .transpose = true,
        };
    f->tensors[1 + EXPERTS] = (struct model_tensor){
        .name = (char *)(uintptr_t) "norm.weight",
        .array = 1,
        .expert = -1,
        .rank = 1,
        .shape = { 2 },
    };
    f->model.tensors = f->tensors;
    f->model.count = 2 + EXPERTS;
    f->model.parameters = 36;
    f->model.generation = json_object();
    ck_assert_ptr_nonnull(f->model.generation);
}

static void tear_down(struct fixture *f, struct plan *p)
{
    plan_free(p);
    json_decref(f->model.generation);
}

/* Every file's head reads back, and every tensor is where its file says. */
static void check_files(const struct plan *p)
{
    struct error err;
    size_t seen = 0;

    for (size_t i = 0; i < p->file_count; i++) {
        const struct plan_file *f = &p->files[i];
        struct safetensors_header h;

        if (f->tensor_count == 0) {
            ck_assert_uint_eq(f->size, f->head.len);
            continue;
        }
        ck_ok(safetensors_read_header(f->head.data, f->head.len, f->size,
                                      f->name, &h, &err),
              &err);
        ck_assert_uint_eq(h.count, f->tensor_count);
        for (size_t j = 0; j < h.count; j++, seen++) {
            const struct plan_tensor *t = &p->tensors[f->tensors[j]];

            ck_assert_str_eq(t->model->name, h.tensors[j].name);
            ck_assert_uint_eq(t->offset, h.tensors[j].begin);
            ck_assert_uint_eq(t->bytes, h.tensors[j].end - h.tensors[j].begin);
            ck_assert_uint_eq(t->file, i);
        }
        safetensors_header_done(&h);
    }
    ck_assert_uint_eq(seen, p->tensor_count);
}

START_TEST(test_one_file)
{
    const struct plan_options o = { .dtype = DTYPE_F32 };
    struct fixture f;
    struct plan *p = NULL;
    struct error err;

    set_up(&f);
    ck_ok(plan_make(&f.checkpoint, &f.model, &o, &p, &err), &err);
    ck_assert_uint_eq(p->file_count, 3);
    ck_assert_str_eq(p->files[0].name, "model.safetensors");
    ck_assert_str_eq(p->files[1].name, "config.json");
    ck_assert_str_eq(p->files[2].name, "generation_config.json");
    ck_assert_uint_eq(p->files[0].size,
                      p->files[0].head.len + (10 + 24 + 2) * 4);
    ck_assert_uint_eq(p->bytes,
                      p->files[0].size + p->files[1].size + p->files[2].size);
    check_files(p);
    ck_assert_uint_eq(p->array_first[0], 0);
    ck_assert_uint_eq(p->array_first[1], EXPERTS);
    ck_assert_uint_eq(p->array_first[2], EXPERTS + 1);
    ck_assert_uint_eq(p->array_first[3], EXPERTS + 2);
    for (size_t i = 0; i < EXPERTS; i++)
        ck_assert_uint_eq(p->by_array[i], 1 + i);
    ck_assert_uint_eq(p->by_array[EXPERTS], 1 + EXPERTS);
    ck_assert_uint_eq(p->by_array[EXPERTS + 1], 0);
    tear_down(&f, p);
}
END_TEST

START_TEST(test_shards_and_index)
{
    static const char want[] =
        "{\n  \"metadata\": {\n    \"total_size\": 72\n  },\n"
        "  \"weight_map\": {\n"
        "    \"e.expert_0.wi\": \"model-00002-of-00003.safetensors\",\n"
        "    \"e.expert_1.wi\": \"model-00002-of-00003.safetensors\",\n"
        "    \"e.expert_2.wi\": \"model-00003-of-00003.safetensors\",\n"
        "    \"norm.weight\": \"model-00003-of-00003.safetensors\",\n"
        "    \"shared.weight\": \"model-00001-of-00003.safetensors\"\n"
        "  }\n}\n";
    const struct plan_options o = { .dtype = DTYPE_BF16, .max_shard_size = 32 };
    struct fixture f;
    struct plan *p = NULL;
    struct error err;

    set_up(&f);
    ck_ok(plan_make(&f.checkpoint, &f.model, &o, &p, &err), &err);
    ck_assert_uint_eq(p->file_count, 6);
    check_files(p);
    ck_assert_str_eq(p->files[3].name, "model.safetensors.index.json");
    ck_assert_str_eq(buf_str(&p->files[3].head), want);
    tear_down(&f, p);
}
END_TEST

START_TEST(test_source_dtype)
{
    const struct plan_options o = { .dtype = DTYPE_NONE };
    struct fixture f;
    struct plan *p = NULL;
    struct error err;

    set_up(&f);
    f.arrays[0].dtype = DTYPE_BF16;
    ck_ok(plan_make(&f.checkpoint, &f.model, &o, &p, &err), &err);
    ck_assert_int_eq(p->tensors[1].dtype, DTYPE_BF16);
    ck_assert_int_eq(p->tensors[0].dtype, DTYPE_F32);
    check_files(p);
    tear_down(&f, p);
}
END_TEST

START_TEST(test_refusals)
{
    const struct plan_options o = { .dtype = DTYPE_F32 };
    struct fixture f;
    struct plan *p = NULL;
    struct error err;

    set_up(&f);
    f.arrays[2].dtype = DTYPE_C64;
    ck_fails(plan_make(&f.checkpoint, &f.model, &o, &p, &err), &err, ERR_DTYPE,
             "shared");
    tear_down(&f, NULL);
    set_up(&f);
    f.tensors[1].name = f.tensors[0].name;
    ck_fails(plan_make(&f.checkpoint, &f.model, &o, &p, &err), &err,
             ERR_TENSORS, "shared.weight");
    tear_down(&f, NULL);
    set_up(&f);
    f.tensors[0].shape[0] = f.tensors[0].shape[1] = (uint64_t)1 << 33;
    ck_fails(plan_make(&f.checkpoint, &f.model, &o, &p, &err), &err, ERR_SHAPE,
             "shared");
    ck_assert_ptr_null(p);
    tear_down(&f, NULL);
}
END_TEST

START_TEST(test_print)
{
    const struct plan_options o = { .dtype = DTYPE_BF16 };
    struct buf b = BUF_INIT(1 << 20);
    struct fixture f;
    struct plan *p = NULL;
    json_t *root = NULL;
    const json_t *tensor;
    struct error err;

    set_up(&f);
    ck_ok(plan_make(&f.checkpoint, &f.model, &o, &p, &err), &err);
    ck_ok(plan_write_json(p, &b, &err), &err);
    ck_ok(json_read(b.data, b.len, "plan", ERR_INTERNAL, &root, &err), &err);
    ck_assert_uint_eq(json_array_size(json_object_get(root, "arrays")), 3);
    tensor = json_array_get(json_object_get(root, "tensors"), 2);
    ck_assert_str_eq(json_string_value(json_object_get(tensor, "name")),
                     "e.expert_1.wi");
    ck_assert_str_eq(json_string_value(json_object_get(tensor, "array")),
                     "e/wi");
    ck_assert_int_eq(json_integer_value(json_object_get(tensor, "expert")), 1);
    ck_assert(json_is_true(json_object_get(tensor, "transposed")));
    ck_assert(json_is_true(json_object_get(tensor, "cast")));
    json_decref(root);
    buf_clear(&b);
    ck_ok(plan_write_text(p, &b, &err), &err);
    ck_assert_ptr_nonnull(strstr(
        buf_str(&b), "-> e.expert_{0..2}.wi [4, 2], split in 3, transposed, "
                     "cast to bfloat16"));
    tear_down(&f, p);
    buf_done(&b);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { test_one_file, test_shards_and_index,
                                   test_source_dtype, test_refusals,
                                   test_print };

    return unit_run("plan", tests, sizeof tests / sizeof *tests);
}
