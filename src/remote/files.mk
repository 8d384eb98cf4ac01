libcore_a_SOURCES += \
	%D%/ahead.c \
	%D%/archive.c %D%/archive.h \
	%D%/aws_profile.c %D%/aws_profile.h \
	%D%/bucket.c %D%/bucket.h \
	%D%/call.c %D%/call.h \
	%D%/credentials.c %D%/credentials.h \
	%D%/endpoint.c %D%/endpoint.h \
	%D%/engine.c %D%/engine.h \
	%D%/fetch.c %D%/fetch.h \
	%D%/gcs.c \
	%D%/gcs_api.c %D%/gcs_api.h \
	%D%/gcs_token.c %D%/gcs_token.h \
	%D%/get.c %D%/get.h \
	%D%/head.c %D%/head.h \
	%D%/hf.c \
	%D%/hf_api.c %D%/hf_api.h \
	%D%/https.c \
	%D%/judge.c \
	%D%/known.c %D%/known.h \
	%D%/lines.c \
	%D%/location.c %D%/location.h \
	%D%/message.c %D%/message.h \
	%D%/objects.c %D%/objects.h \
	%D%/page.c %D%/page.h \
	%D%/policy.c %D%/policy.h \
	%D%/remote.c %D%/remote.h \
	%D%/s3.c \
	%D%/s3_api.c %D%/s3_api.h \
	%D%/s3_list.c \
	%D%/sigv4.c %D%/sigv4.h \
	%D%/url.c %D%/url.h \
	%D%/xml.c %D%/xml.h
