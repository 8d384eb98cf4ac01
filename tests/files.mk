# Tests of the program as a whole. "make check" runs the golden cases, which
# need nothing but Python; ./dev test runs e2e/, which needs requirements.txt.
PROGRAM_TESTS = %D%/golden/golden.sh

TESTS += $(PROGRAM_TESTS)
EXTRA_DIST += \
	%D%/fixtures/checkpoint \
	%D%/fixtures/config \
	%D%/fixtures/make_checkpoint_fixtures.py \
	%D%/fixtures/make_config_fixtures.py \
	%D%/fixtures/gin \
	%D%/fixtures/make_flax_fixtures.py \
	%D%/fixtures/make_gin_fixtures.py \
	%D%/fixtures/make_ocdbt_fixtures.py \
	%D%/fixtures/make_orbax_fixtures.py \
	%D%/fixtures/make_zarr3_fixtures.py \
	$(PROGRAM_TESTS) \
	%D%/README.md \
	%D%/dev/image.py \
	%D%/dev/run.sh \
	%D%/dev/stages.sh \
	%D%/e2e/conftest.py \
	%D%/e2e/invariants.py \
	%D%/e2e/flaky.py \
	%D%/e2e/servers.py \
	%D%/e2e/schema_hooks.py \
	%D%/e2e/schemathesis.toml \
	%D%/e2e/test_client.py \
	%D%/e2e/test_command.py \
	%D%/e2e/test_cost.py \
	%D%/e2e/test_edge.py \
	%D%/e2e/test_job_bodies.py \
	%D%/e2e/test_gin.py \
	%D%/e2e/test_jobs.py \
	%D%/e2e/test_kill.py \
	%D%/e2e/test_limits.py \
	%D%/e2e/test_readme.py \
	%D%/e2e/test_remote.py \
	%D%/e2e/test_schema.py \
	%D%/e2e/test_service.py \
	%D%/e2e/test_sources.py \
	%D%/e2e/test_source_requests.py \
	%D%/e2e/test_shards.py \
	%D%/e2e/test_stream.py \
	%D%/e2e/test_streaming.py \
	%D%/e2e/test_transformers.py \
	%D%/e2e/test_uploads.py \
	%D%/e2e/test_uploads_clients.py \
	%D%/e2e/test_uploads_kill.py \
	%D%/e2e/test_verify.py \
	%D%/e2e/tus.py \
	%D%/gin/compare.py \
	%D%/gin/fuzz.py \
	%D%/gin/reference.py \
	%D%/e2e/web.py \
	%D%/golden/cases \
	%D%/golden/cases.py \
	%D%/golden/make.py \
	%D%/golden/orbax_layout.py \
	%D%/golden/reference.py \
	%D%/golden/run.py \
	%D%/make_checkpoint.py \
	%D%/measure.py \
	%D%/requirements.txt \
	%D%/sample/make.py \
	%D%/sample/model.gin \
	%D%/sample/switch-tiny.tar.gz
