# One target for each parser of foreign bytes: add its name to FUZZ_TARGETS.
FUZZ_TARGETS =
