# One target for each parser of foreign bytes: add its name to FUZZ_TARGETS,
# write fuzz_X.c, and put a few seeds into corpus/X/.
#
# "make check" links them with driver.c and runs them over their seeds. With
# --enable-fuzzers (and clang) they are libFuzzer programs, not tests:
#   make fuzzers && tests/fuzz/fuzz_X -max_total_time=60 NEW_CORPUS SEEDS
FUZZ_TARGETS = \
	%D%/fuzz_aws_profile \
	%D%/fuzz_blosc \
	%D%/fuzz_codec \
	%D%/fuzz_config \
	%D%/fuzz_form \
	%D%/fuzz_gin \
	%D%/fuzz_http \
	%D%/fuzz_index \
	%D%/fuzz_json \
	%D%/fuzz_listing \
	%D%/fuzz_location \
	%D%/fuzz_multipart \
	%D%/fuzz_ocdbt \
	%D%/fuzz_orbax \
	%D%/fuzz_safetensors \
	%D%/fuzz_settings \
	%D%/fuzz_tokens \
	%D%/fuzz_trace \
	%D%/fuzz_tus \
	%D%/fuzz_unpack \
	%D%/fuzz_url \
	%D%/fuzz_zarr2 \
	%D%/fuzz_zarr3

noinst_HEADERS += %D%/folder.h %D%/fuzz.h
EXTRA_DIST += %D%/corpus

check_PROGRAMS += $(FUZZ_TARGETS)
if FUZZERS
FUZZ_ENGINE = $(LIB_FUZZING_ENGINE)
else
FUZZ_ENGINE = %D%/libfuzzdriver.a
check_LIBRARIES = %D%/libfuzzdriver.a
%C%_libfuzzdriver_a_SOURCES = %D%/driver.c
TESTS += $(FUZZ_TARGETS)
endif

fuzzers: $(FUZZ_TARGETS)
.PHONY: fuzzers
