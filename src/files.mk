libcore_a_SOURCES += \
	%D%/chunks.c %D%/chunks.h \
	%D%/conversion.c %D%/conversion.h \
	%D%/convert.c %D%/convert.h \
	%D%/convert_ahead.c \
	%D%/convert_task.c %D%/convert_task.h \
	%D%/digest.c %D%/digest.h \
	%D%/fingerprint.c %D%/fingerprint.h \
	%D%/grid.c %D%/grid.h \
	%D%/plan.c %D%/plan.h \
	%D%/plan_print.c \
	%D%/print.c %D%/print.h \
	%D%/provenance.c %D%/provenance.h \
	%D%/schedule.c %D%/schedule.h \
	%D%/share.c %D%/share.h \
	%D%/share_plan.c %D%/share_plan.h \
	%D%/stream.c %D%/stream.h \
	%D%/stream_ahead.c \
	%D%/stream_impl.h \
	%D%/stream_spool.c \
	%D%/stream_tar.c %D%/stream_tar.h \
	%D%/verify.c %D%/verify.h \
	%D%/verify_compare.c %D%/verify_compare.h \
	%D%/verify_print.c \
	%D%/window.c %D%/window.h \
	%D%/workers.c %D%/workers.h \
	%D%/workspace.c %D%/workspace.h
