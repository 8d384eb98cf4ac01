libcore_a_SOURCES += \
	%D%/conversion.h \
	%D%/convert.h \
	%D%/plan.h
