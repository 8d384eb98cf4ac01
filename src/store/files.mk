libcore_a_SOURCES += \
	%D%/intake.c %D%/intake.h \
	%D%/local.c \
	%D%/memory.c \
	%D%/sink.h \
	%D%/store.c %D%/store.h \
	%D%/tar.c %D%/tar.h \
	%D%/unpack.c %D%/unpack.h
