# Checks of the sources' text; each exits with 77 where its tool is missing.
CHECKS = \
	%D%/banned.sh \
	%D%/docker.sh \
	%D%/format.sh \
	%D%/layers.sh \
	%D%/openapi.py \
	%D%/options.sh \
	%D%/scripts.sh \
	%D%/settings.sh \
	%D%/systemd.sh

TESTS += $(CHECKS)
EXTRA_DIST += $(CHECKS)
