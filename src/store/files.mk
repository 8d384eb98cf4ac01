libcore_a_SOURCES += \
	%D%/intake.c %D%/intake.h \
	%D%/local.c \
	%D%/local_ahead.c %D%/local_ahead.h \
	%D%/memory.c \
	%D%/ocdbt.c %D%/ocdbt.h \
	%D%/ocdbt_body.c \
	%D%/ocdbt_files.c \
	%D%/ocdbt_impl.h \
	%D%/ocdbt_node.c \
	%D%/ocdbt_tree.c \
	%D%/place.c %D%/place.h \
	%D%/sink.c %D%/sink.h \
	%D%/sink_folder.c \
	%D%/sink_memory.c \
	%D%/spool.c %D%/spool.h \
	%D%/store.c %D%/store.h \
	%D%/tar.c %D%/tar.h \
	%D%/target.c %D%/target.h \
	%D%/unpack.c %D%/unpack.h \
	%D%/writer.c %D%/writer.h
