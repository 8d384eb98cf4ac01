libcore_a_SOURCES += \
	%D%/header.c \
	%D%/reader.c \
	%D%/safetensors.h \
	%D%/shard.c
