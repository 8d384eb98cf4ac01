libcore_a_SOURCES += \
	%D%/dtype.c %D%/dtype.h \
	%D%/kernel.c %D%/kernel.h \
	%D%/kernel_avx2.c \
	%D%/kernel_impl.h \
	%D%/kernel_plain.c
