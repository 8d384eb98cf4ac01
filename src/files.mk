libcore_a_SOURCES += \
	%D%/conversion.c %D%/conversion.h \
	%D%/convert.h \
	%D%/plan.c %D%/plan.h \
	%D%/plan_print.c
