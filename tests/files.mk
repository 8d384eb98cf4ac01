# Golden cases and end-to-end tests.
EXTRA_DIST += \
	%D%/fixtures/config \
	%D%/fixtures/make_config_fixtures.py \
	%D%/fixtures/gin \
	%D%/fixtures/make_gin_fixtures.py \
	%D%/golden/cases \
	%D%/golden/cases.py \
	%D%/golden/make.py \
	%D%/golden/reference.py \
	%D%/golden/run.py \
	%D%/make_checkpoint.py \
	%D%/requirements.txt
