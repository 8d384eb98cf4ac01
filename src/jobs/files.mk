libcore_a_SOURCES += \
	%D%/db.c %D%/db.h \
	%D%/db_open.c %D%/db_impl.h \
	%D%/db_schema.c \
	%D%/job.c %D%/job.h \
	%D%/job_request.c %D%/job_request.h \
	%D%/jobs.c %D%/jobs.h \
	%D%/jobs_backend.h \
	%D%/jobs_end.c %D%/jobs_impl.h \
	%D%/jobs_live.c %D%/jobs_live.h \
	%D%/jobs_memory.c \
	%D%/jobs_sqlite.c \
	%D%/jobs_work.c \
	%D%/models.c %D%/models.h \
	%D%/models_backend.h \
	%D%/models_hash.c %D%/models_impl.h \
	%D%/models_memory.c \
	%D%/models_sqlite.c \
	%D%/models_store.c \
	%D%/models_view.c %D%/models_view.h \
	%D%/stored.c %D%/stored.h \
	%D%/tally.c %D%/tally.h \
	%D%/worker.c %D%/worker.h \
	%D%/worker_impl.h \
	%D%/worker_run.c \
	%D%/worker_watch.c
