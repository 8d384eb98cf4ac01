# One Check program for each module: add its name to UNIT_TESTS and its
# sources below. "make check" skips them where Check is not installed.
UNIT_TESTS = \
	%D%/test_access \
	%D%/test_base \
	%D%/test_config \
	%D%/test_config_files \
	%D%/test_db \
	%D%/test_dtype \
	%D%/test_gin \
	%D%/test_gin_find \
	%D%/test_jobs \
	%D%/test_jobs_work \
	%D%/test_kernel \
	%D%/test_log \
	%D%/test_metrics \
	%D%/test_model \
	%D%/test_multipart \
	%D%/test_names \
	%D%/test_safetensors \
	%D%/test_settings \
	%D%/test_sink \
	%D%/test_store \
	%D%/test_tar \
	%D%/test_unpack \
	%D%/test_uploads \
	%D%/test_uploads_kill \
	%D%/test_uploads_tree \
	%D%/test_watch

noinst_HEADERS = %D%/folder_fixture.h %D%/unit.h
if HAVE_CHECK
check_PROGRAMS += $(UNIT_TESTS)
TESTS += $(UNIT_TESTS)
endif

%C%_test_base_SOURCES = %D%/test_base.c
%C%_test_base_CFLAGS = $(UNIT_CFLAGS)
%C%_test_base_LDADD = $(UNIT_LIBS)

%C%_test_db_SOURCES = %D%/test_db.c
%C%_test_db_CFLAGS = $(UNIT_CFLAGS)
%C%_test_db_LDADD = $(UNIT_LIBS)

%C%_test_dtype_SOURCES = %D%/test_dtype.c
%C%_test_dtype_CFLAGS = $(UNIT_CFLAGS)
%C%_test_dtype_LDADD = $(UNIT_LIBS)

%C%_test_gin_SOURCES = %D%/test_gin.c %D%/gin_dump.h
%C%_test_gin_CFLAGS = $(UNIT_CFLAGS)
%C%_test_gin_LDADD = $(UNIT_LIBS)

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

%C%_test_kernel_SOURCES = %D%/test_kernel.c %D%/kernel_fixture.h
%C%_test_kernel_CFLAGS = $(UNIT_CFLAGS)
%C%_test_kernel_LDADD = $(UNIT_LIBS)

%C%_test_sink_SOURCES = %D%/test_sink.c
%C%_test_sink_CFLAGS = $(UNIT_CFLAGS)
%C%_test_sink_LDADD = $(UNIT_LIBS)

%C%_test_store_SOURCES = %D%/test_store.c
%C%_test_store_CFLAGS = $(UNIT_CFLAGS)
%C%_test_store_LDADD = $(UNIT_LIBS)

%C%_test_safetensors_SOURCES = %D%/test_safetensors.c
%C%_test_safetensors_CFLAGS = $(UNIT_CFLAGS)
%C%_test_safetensors_LDADD = $(UNIT_LIBS)

%C%_test_multipart_SOURCES = %D%/test_multipart.c
%C%_test_multipart_CFLAGS = $(UNIT_CFLAGS)
%C%_test_multipart_LDADD = libapi.a $(UNIT_LIBS)

%C%_test_tar_SOURCES = %D%/test_tar.c
%C%_test_tar_CFLAGS = $(UNIT_CFLAGS)
%C%_test_tar_LDADD = $(UNIT_LIBS)

%C%_test_unpack_SOURCES = %D%/test_unpack.c
%C%_test_unpack_CFLAGS = $(UNIT_CFLAGS)
%C%_test_unpack_LDADD = $(UNIT_LIBS)

%C%_test_access_SOURCES = %D%/test_access.c
%C%_test_access_CFLAGS = $(UNIT_CFLAGS)
%C%_test_access_LDADD = $(UNIT_LIBS)

%C%_test_log_SOURCES = %D%/test_log.c
%C%_test_log_CFLAGS = $(UNIT_CFLAGS)
%C%_test_log_LDADD = $(UNIT_LIBS)

%C%_test_metrics_SOURCES = %D%/test_metrics.c
%C%_test_metrics_CFLAGS = $(UNIT_CFLAGS)
%C%_test_metrics_LDADD = $(UNIT_LIBS)

%C%_test_settings_SOURCES = %D%/test_settings.c
%C%_test_settings_CFLAGS = $(UNIT_CFLAGS)
%C%_test_settings_LDADD = $(UNIT_LIBS)

%C%_test_watch_SOURCES = %D%/test_watch.c
%C%_test_watch_CFLAGS = $(UNIT_CFLAGS)
%C%_test_watch_LDADD = libapi.a $(UNIT_LIBS)

%C%_test_config_SOURCES = %D%/test_config.c %D%/fake_checkpoint.h
%C%_test_config_CFLAGS = $(UNIT_CFLAGS)
%C%_test_config_LDADD = $(UNIT_LIBS)

%C%_test_model_SOURCES = %D%/test_model.c %D%/fake_checkpoint.h
%C%_test_model_CFLAGS = $(UNIT_CFLAGS)
%C%_test_model_LDADD = $(UNIT_LIBS)

%C%_test_names_SOURCES = %D%/test_names.c
%C%_test_names_CFLAGS = $(UNIT_CFLAGS)
%C%_test_names_LDADD = $(UNIT_LIBS)

%C%_test_config_files_SOURCES = %D%/test_config_files.c %D%/fake_checkpoint.h
%C%_test_config_files_CFLAGS = $(UNIT_CFLAGS)
%C%_test_config_files_LDADD = $(UNIT_LIBS)

%C%_test_uploads_SOURCES = %D%/test_uploads.c %D%/uploads_fixture.h
%C%_test_uploads_CFLAGS = $(UNIT_CFLAGS)
%C%_test_uploads_LDADD = $(UNIT_LIBS)

%C%_test_uploads_kill_SOURCES = %D%/test_uploads_kill.c
%C%_test_uploads_kill_CFLAGS = $(UNIT_CFLAGS)
%C%_test_uploads_kill_LDADD = $(UNIT_LIBS)

%C%_test_uploads_tree_SOURCES = %D%/test_uploads_tree.c
%C%_test_uploads_tree_CFLAGS = $(UNIT_CFLAGS)
%C%_test_uploads_tree_LDADD = $(UNIT_LIBS)
