libcore_a_SOURCES += \
	%D%/intake.c %D%/intake.h \
	%D%/local.c \
	%D%/memory.c \
	%D%/place.c %D%/place.h \
	%D%/sink.c %D%/sink.h \
	%D%/sink_folder.c \
	%D%/sink_memory.c \
	%D%/store.c %D%/store.h \
	%D%/tar.c %D%/tar.h \
	%D%/target.c %D%/target.h \
	%D%/unpack.c %D%/unpack.h
