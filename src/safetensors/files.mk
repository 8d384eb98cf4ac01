libcore_a_SOURCES += \
	%D%/existing.c %D%/existing.h \
	%D%/header.c \
	%D%/reader.c \
	%D%/safetensors.h \
	%D%/shard.c
