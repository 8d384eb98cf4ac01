libcore_a_SOURCES += \
	%D%/fetch.h \
	%D%/gcs_api.c %D%/gcs_api.h \
	%D%/hf_api.c %D%/hf_api.h \
	%D%/location.c %D%/location.h \
	%D%/message.c %D%/message.h \
	%D%/objects.h \
	%D%/page.c %D%/page.h \
	%D%/policy.h \
	%D%/remote.h \
	%D%/s3_api.c %D%/s3_api.h \
	%D%/s3_list.c \
	%D%/sigv4.c %D%/sigv4.h \
	%D%/url.c %D%/url.h \
	%D%/xml.c %D%/xml.h
