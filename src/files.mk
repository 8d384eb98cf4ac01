libcore_a_SOURCES += \
	%D%/conversion.c %D%/conversion.h \
	%D%/convert.c %D%/convert.h \
	%D%/convert_ahead.c \
	%D%/convert_task.c %D%/convert_task.h \
	%D%/grid.c %D%/grid.h \
	%D%/plan.c %D%/plan.h \
	%D%/plan_print.c \
	%D%/schedule.c %D%/schedule.h \
	%D%/workspace.c %D%/workspace.h
