libcore_a_SOURCES += \
	%D%/db.c %D%/db.h \
	%D%/db_open.c %D%/db_impl.h \
	%D%/db_schema.c \
	%D%/job.c %D%/job.h \
	%D%/jobs.c %D%/jobs.h \
	%D%/jobs_backend.h \
	%D%/jobs_impl.h \
	%D%/jobs_live.c %D%/jobs_live.h \
	%D%/jobs_memory.c \
	%D%/jobs_sqlite.c \
	%D%/jobs_work.c
