libcore_a_SOURCES += \
	%D%/dtype.c %D%/dtype.h \
	%D%/kernel.h
