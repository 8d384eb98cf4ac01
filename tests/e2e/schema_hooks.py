"""What schemathesis has to know of this API beside its description.

Loaded by name (SCHEMATHESIS_HOOKS); see test_schema.py.
"""
from pathlib import Path

import schemathesis
from hypothesis import strategies as st

SAMPLE = Path(__file__).resolve().parent.parent / "sample/switch-tiny.tar.gz"
ARCHIVES = ("application/x-tar", "application/gzip", "application/zstd",
            "application/zip")
TUS = "application/offset+octet-stream"

# Bytes go as they are.
schemathesis.serializer.alias([*ARCHIVES, TUS], "application/octet-stream")

# Bytes that no schema would hit upon: a checkpoint, and beginnings of others.
archive = SAMPLE.read_bytes()
bodies = st.one_of(st.just(archive), st.just(archive[:1000]), st.binary(),
                   st.sampled_from([b"PK\3\4", b"\x28\xb5\x2f\xfd", b"\0" * 1024]))
for media_type in ARCHIVES:
    schemathesis.openapi.media_type(media_type, bodies)
schemathesis.openapi.media_type(TUS, st.binary())


@schemathesis.hook
def filter_case(context, case):
    """A header that nobody knows is no error, whatever its case is for."""
    return "x-schemathesis-unknown-property" not in (case.headers or {})
