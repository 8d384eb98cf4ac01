libapi_a_SOURCES += \
	%D%/accept.c %D%/accept.h \
	%D%/body.c %D%/body.h \
	%D%/conversions.c \
	%D%/events.c \
	%D%/exchange.c %D%/exchange.h \
	%D%/file_reply.c %D%/file_reply.h \
	%D%/form.c %D%/form.h \
	%D%/gate.c %D%/gate.h \
	%D%/guard.c %D%/guard.h \
	%D%/header.c %D%/header.h \
	%D%/head.c %D%/head.h \
	%D%/health.c \
	%D%/holds.c %D%/holds.h \
	%D%/inputs.c %D%/inputs.h \
	%D%/inputs_open.c \
	%D%/job_json.c %D%/job_json.h \
	%D%/job_routes.c \
	%D%/job_submit.c \
	%D%/measure.c %D%/measure.h \
	%D%/models.c \
	%D%/multipart.c %D%/multipart.h \
	%D%/openapi.c \
	%D%/page.c %D%/page.h \
	%D%/path.c %D%/path.h \
	%D%/problem.c %D%/problem.h \
	%D%/problems.c \
	%D%/ranges.c %D%/ranges.h \
	%D%/resources.c %D%/resources.h \
	%D%/resumable.c %D%/resumable.h \
	%D%/routes.c %D%/routes.h \
	%D%/server.c %D%/server.h \
	%D%/service.h \
	%D%/sources.c %D%/sources.h \
	%D%/streaming.c %D%/streaming.h \
	%D%/tar_response.c %D%/tar_response.h \
	%D%/temp.c %D%/temp.h \
	%D%/transfer.c %D%/transfer.h \
	%D%/upload.c %D%/upload.h \
	%D%/upload_files.c \
	%D%/upload_json.c %D%/upload_json.h \
	%D%/upload_routes.c \
	%D%/verify.c \
	%D%/watch.c %D%/watch.h

# The description is part of the program; the assembler includes it. The JSON is
# made of the YAML: tests/checks/openapi.py --write
libapi_a_CPPFLAGS = $(AM_CPPFLAGS) -DOPENAPI='"$(srcdir)/openapi"'
%D%/libapi_a-openapi.$(OBJEXT): $(srcdir)/openapi.yaml $(srcdir)/openapi.json
EXTRA_DIST += openapi.json openapi.yaml
