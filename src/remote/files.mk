libcore_a_SOURCES += \
	%D%/fetch.h \
	%D%/objects.h \
	%D%/policy.h \
	%D%/remote.h \
	%D%/url.c %D%/url.h
