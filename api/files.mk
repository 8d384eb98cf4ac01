libapi_a_SOURCES += \
	%D%/header.c %D%/header.h \
	%D%/multipart.c %D%/multipart.h \
	%D%/problem.c %D%/problem.h
