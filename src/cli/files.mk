switchyard_SOURCES += \
	%D%/main.c
