libcore_a_SOURCES += \
	%D%/access.c %D%/access.h \
	%D%/address.c %D%/address.h \
	%D%/limiter.c %D%/limiter.h \
	%D%/log.c %D%/log.h \
	%D%/metrics.c %D%/metrics.h \
	%D%/metrics_process.c \
	%D%/notify.c %D%/notify.h \
	%D%/origin.c %D%/origin.h \
	%D%/settings.c %D%/settings.h \
	%D%/settings_read.c \
	%D%/settings_write.c \
	%D%/tokens.c %D%/tokens.h \
	%D%/trace.c %D%/trace.h
