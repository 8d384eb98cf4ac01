switchyard_SOURCES += \
	%D%/cli.h \
	%D%/cmd_config.c \
	%D%/cmd_convert.c \
	%D%/cmd_gin.c \
	%D%/cmd_health.c \
	%D%/cmd_inspect.c \
	%D%/cmd_serve.c \
	%D%/cmd_verify.c \
	%D%/job.c \
	%D%/main.c \
	%D%/options.c \
	%D%/progress.c \
	%D%/remote.c %D%/remote.h \
	%D%/settings.c %D%/settings.h \
	%D%/shard.c \
	%D%/stream.c
