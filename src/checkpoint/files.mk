libcore_a_SOURCES += \
	%D%/array.h \
	%D%/checkpoint.h
