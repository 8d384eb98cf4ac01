libcore_a_SOURCES += \
	%D%/adopt.c \
	%D%/append.c \
	%D%/checksum.c %D%/checksum.h \
	%D%/create.c \
	%D%/folder.c %D%/folder.h \
	%D%/internal.h \
	%D%/recover.c \
	%D%/table.c %D%/table.h \
	%D%/table_impl.h \
	%D%/table_lists.c \
	%D%/table_uploads.c \
	%D%/tree.c \
	%D%/tus.c %D%/tus.h \
	%D%/uploads.c %D%/uploads.h
