# Programs that measure; "make bench-programs" builds them, nothing runs them
# by itself.
BENCHES = \
	%D%/bench_floor \
	%D%/bench_kernel \
	%D%/bench_upload
EXTRA_PROGRAMS = $(BENCHES)
CLEANFILES += $(BENCHES)
bench-programs: $(BENCHES)
.PHONY: bench-programs

%C%_bench_floor_SOURCES = %D%/bench_floor.c
%C%_bench_floor_LDADD = $(CORE_LIBS)

%C%_bench_kernel_SOURCES = %D%/bench_kernel.c
%C%_bench_kernel_LDADD = $(CORE_LIBS)

%C%_bench_upload_SOURCES = %D%/bench_upload.c
%C%_bench_upload_CFLAGS = $(AM_CFLAGS) $(MHD_CFLAGS)
%C%_bench_upload_LDADD = $(MHD_LIBS)

EXTRA_DIST += %D%/bench.py %D%/bench_http.py %D%/contender.py
