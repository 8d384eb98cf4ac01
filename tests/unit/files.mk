# One Check program for each module, made of the C file of its name: add it to
# UNIT_TESTS. "make check" skips them where Check is not installed.
UNIT_TESTS = \
	%D%/test_accept \
	%D%/test_access \
	%D%/test_base \
	%D%/test_blosc \
	%D%/test_checkpoint \
	%D%/test_codec \
	%D%/test_config \
	%D%/test_config_files \
	%D%/test_conversion \
	%D%/test_convert \
	%D%/test_crc32c \
	%D%/test_credentials \
	%D%/test_db \
	%D%/test_digest \
	%D%/test_dtype \
	%D%/test_flax \
	%D%/test_fetch \
	%D%/test_fetch_policy \
	%D%/test_gin \
	%D%/test_gin_find \
	%D%/test_gin_load \
	%D%/test_gin_model \
	%D%/test_grid \
	%D%/test_head \
	%D%/test_inline \
	%D%/test_jobs \
	%D%/test_jobs_work \
	%D%/test_kernel \
	%D%/test_leaf \
	%D%/test_location \
	%D%/test_log \
	%D%/test_metrics \
	%D%/test_model \
	%D%/test_models \
	%D%/test_msgpack \
	%D%/test_multipart \
	%D%/test_names \
	%D%/test_objects \
	%D%/test_ocdbt \
	%D%/test_ocdbt_built \
	%D%/test_orbax \
	%D%/test_path \
	%D%/test_permute \
	%D%/test_plan \
	%D%/test_policy \
	%D%/test_ranges \
	%D%/test_remote_api \
	%D%/test_safetensors \
	%D%/test_settings \
	%D%/test_shard \
	%D%/test_share \
	%D%/test_sigv4 \
	%D%/test_sink \
	%D%/test_store \
	%D%/test_stream \
	%D%/test_t5x \
	%D%/test_tar \
	%D%/test_tus \
	%D%/test_unpack \
	%D%/test_uploads \
	%D%/test_uploads_kill \
	%D%/test_uploads_tree \
	%D%/test_url \
	%D%/test_watch \
	%D%/test_worker \
	%D%/test_worker_kill \
	%D%/test_workspace \
	%D%/test_writer \
	%D%/test_xml \
	%D%/test_zarr2 \
	%D%/test_zarr3

# Those that use threads: ./dev test tsan runs them under ThreadSanitizer.
THREAD_TESTS = \
	%D%/test_access \
	%D%/test_convert \
	%D%/test_db \
	%D%/test_digest \
	%D%/test_fetch \
	%D%/test_fetch_policy \
	%D%/test_jobs \
	%D%/test_jobs_work \
	%D%/test_log \
	%D%/test_metrics \
	%D%/test_models \
	%D%/test_objects \
	%D%/test_ocdbt \
	%D%/test_store \
	%D%/test_stream \
	%D%/test_uploads \
	%D%/test_uploads_tree \
	%D%/test_watch \
	%D%/test_worker \
	%D%/test_workspace \
	%D%/test_writer

noinst_HEADERS = %D%/fetch_fixture.h %D%/folder_fixture.h \
	%D%/http_fixture.h %D%/ocdbt_build.h \
	%D%/unit.h
if HAVE_CHECK
check_PROGRAMS += $(UNIT_TESTS)
TESTS += $(UNIT_TESTS)
endif

%C%_test_gin_SOURCES = %D%/test_gin.c %D%/gin_dump.h

%C%_test_gin_find_SOURCES = %D%/test_gin_find.c
%C%_test_gin_find_CFLAGS = $(UNIT_CFLAGS)
%C%_test_gin_find_LDADD = $(UNIT_LIBS)

# No test: prints what is read of gin files, for comparison with gin-config.
check_PROGRAMS += %D%/gin_dump
%C%_gin_dump_SOURCES = %D%/gin_dump.c %D%/gin_dump.h
%C%_gin_dump_LDADD = $(CORE_LIBS)

%C%_test_jobs_SOURCES = %D%/test_jobs.c %D%/jobs_fixture.h
%C%_test_jobs_CFLAGS = $(UNIT_CFLAGS)
%C%_test_jobs_LDADD = $(UNIT_LIBS)

%C%_test_jobs_work_SOURCES = %D%/test_jobs_work.c %D%/jobs_fixture.h
%C%_test_jobs_work_CFLAGS = $(UNIT_CFLAGS)
%C%_test_jobs_work_LDADD = $(UNIT_LIBS)

%C%_test_convert_SOURCES = %D%/test_convert.c %D%/fake.c %D%/fake.h

%C%_test_share_SOURCES = %D%/test_share.c %D%/fake.c %D%/fake.h

%C%_test_stream_SOURCES = %D%/test_stream.c %D%/fake.c %D%/fake.h

%C%_test_worker_SOURCES = %D%/test_worker.c %D%/worker_fixture.h

%C%_test_worker_kill_SOURCES = %D%/test_worker_kill.c %D%/worker_fixture.h

%C%_test_models_SOURCES = %D%/test_models.c %D%/models_fixture.h

%C%_test_kernel_SOURCES = %D%/test_kernel.c %D%/kernel_fixture.h

%C%_test_config_SOURCES = %D%/test_config.c %D%/fake_checkpoint.h

%C%_test_model_SOURCES = %D%/test_model.c %D%/fake_checkpoint.h

%C%_test_config_files_SOURCES = %D%/test_config_files.c %D%/fake_checkpoint.h

%C%_test_uploads_SOURCES = %D%/test_uploads.c %D%/uploads_fixture.h
%C%_test_uploads_CFLAGS = $(UNIT_CFLAGS)
%C%_test_uploads_LDADD = $(UNIT_LIBS)

%C%_test_uploads_kill_SOURCES = %D%/test_uploads_kill.c
%C%_test_uploads_kill_CFLAGS = $(UNIT_CFLAGS)
%C%_test_uploads_kill_LDADD = $(UNIT_LIBS)

%C%_test_uploads_tree_SOURCES = %D%/test_uploads_tree.c
%C%_test_uploads_tree_CFLAGS = $(UNIT_CFLAGS)
%C%_test_uploads_tree_LDADD = $(UNIT_LIBS)

%C%_test_tus_SOURCES = %D%/test_tus.c
%C%_test_tus_CFLAGS = $(UNIT_CFLAGS)
%C%_test_tus_LDADD = $(UNIT_LIBS)

%C%_test_shard_SOURCES = %D%/test_shard.c %D%/zarr3_fixture.h

# These read records, what real libraries wrote.
%C%_test_blosc_SOURCES = %D%/test_blosc.c %D%/records.c %D%/records.h
%C%_test_digest_SOURCES = %D%/test_digest.c %D%/fake.c %D%/fake.h \
	%D%/records.c %D%/records.h
%C%_test_codec_SOURCES = %D%/test_codec.c %D%/records.c %D%/records.h
%C%_test_msgpack_SOURCES = %D%/test_msgpack.c %D%/records.c %D%/records.h
%C%_test_conversion_SOURCES = %D%/test_conversion.c %D%/records.c %D%/records.h
%C%_test_inline_SOURCES = %D%/test_inline.c %D%/records.c %D%/records.h
%C%_test_flax_SOURCES = %D%/test_flax.c %D%/records.c %D%/records.h
%C%_test_leaf_SOURCES = %D%/test_leaf.c %D%/records.c %D%/records.h
%C%_test_zarr2_SOURCES = %D%/test_zarr2.c %D%/records.c %D%/records.h
%C%_test_zarr3_SOURCES = %D%/test_zarr3.c %D%/zarr3_fixture.h \
	%D%/records.c %D%/records.h
%C%_test_t5x_SOURCES = %D%/test_t5x.c %D%/records.c %D%/records.h
%C%_test_checkpoint_SOURCES = %D%/test_checkpoint.c %D%/records.c %D%/records.h
%C%_test_ocdbt_SOURCES = %D%/test_ocdbt.c %D%/records.c %D%/records.h
%C%_test_orbax_SOURCES = %D%/test_orbax.c %D%/records.c %D%/records.h
