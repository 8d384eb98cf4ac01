libcore_a_SOURCES += \
	%D%/buf.c %D%/buf.h \
	%D%/crc32c.c %D%/crc32c.h \
	%D%/error.c %D%/error.h \
	%D%/error_json.c %D%/error_json.h \
	%D%/file.c %D%/file.h \
	%D%/json.c %D%/json.h \
	%D%/num.c %D%/num.h \
	%D%/sha256.c %D%/sha256.h \
	%D%/utf8.c %D%/utf8.h
