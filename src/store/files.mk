libcore_a_SOURCES += \
	%D%/local.c \
	%D%/memory.c \
	%D%/sink.h \
	%D%/store.c %D%/store.h
