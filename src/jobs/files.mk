libcore_a_SOURCES += \
	%D%/db.c %D%/db.h \
	%D%/db_open.c %D%/db_impl.h \
	%D%/db_schema.c
