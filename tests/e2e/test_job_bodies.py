"""Jobs whose checkpoint comes with the request, and what jobs hold."""
import time

import pytest
from conftest import converted
from test_jobs import ENDED, SAMPLE, ask, finished, submit, upload
from test_service import Server, form_of, serving, soon


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("bodies"), "--client-rate", 0) as s:
        yield s


@pytest.fixture(scope="module")
def expected(sample, tmp_path_factory):
    """{options: {file: bytes}} as the command makes them."""
    folder = tmp_path_factory.mktemp("command")

    def of(*options):
        out = folder / ("model" + "-".join(map(str, options)))
        if not out.exists():
            converted(sample.checkpoint, *options, "--out", out)
        return {p.name: p.read_bytes() for p in out.iterdir()}
    return of


def files_of(server, model):
    names = [f["name"] for f in ask(server, "GET", f"/v1/models/{model}")
             .json["files"]]
    return {n: ask(server, "GET", f"/v1/models/{model}/files/{n}").data
            for n in names}


def uploads_of(server):
    return [u["id"] for u in ask(server, "GET", "/v1/uploads").json["uploads"]]


def test_archive_as_the_body(server, expected):
    reply = ask(server, "POST", "/v1/conversions?model=acme/body&dtype=float16",
                SAMPLE.read_bytes(), Content_Type="application/gzip")
    assert reply.status == 202, reply.data
    assert reply.headers["Location"] == f"/v1/conversions/{reply.json['id']}"
    assert reply.json["request"]["dtype"] == "float16"
    job = finished(server, reply.json)
    assert job["state"] == "succeeded", job
    assert files_of(server, "acme/body") == expected("--dtype", "float16")
    # What came is of no use any more.
    assert soon(lambda: uploads_of(server) == [])


@pytest.mark.parametrize("parts", ["files", "archive"])
def test_form_as_the_body(server, sample, expected, parts):
    files = [("checkpoint", str(p.relative_to(sample.checkpoint.parent)),
              p.read_bytes())
             for p in sorted(sample.checkpoint.rglob("*")) if p.is_file()]
    if parts == "archive":
        files = [("checkpoint", "sample.tar.gz", SAMPLE.read_bytes())]
    body, kind = form_of(*files, ("gin_file", "x.gin", sample.gin.read_bytes()),
                         ("model", None, f"acme/{parts}".encode()),
                         ("num_experts", None, b"4"))
    reply = ask(server, "POST", "/v1/conversions", body, Content_Type=kind)
    assert reply.status == 202, reply.data
    request = reply.json["request"]
    assert request["num_experts"] == 4
    assert request["gin"] == sample.gin.read_text()
    assert finished(server, reply.json)["state"] == "succeeded"
    assert files_of(server, f"acme/{parts}") == expected(
        "--gin", sample.gin, "--num-experts", 4)


def test_same_body_shares_the_result(server):
    path = "/v1/conversions?dtype=bfloat16"
    one, two = (finished(server, ask(server, "POST", path,
                                     SAMPLE.read_bytes()).json)
                for _ in range(2))
    assert one["model"] == two["model"]
    assert one["model"].startswith("uploads/")
    assert one["revision"] == two["revision"]
    assert two["progress"]["bytes_total"] == 0  # it had nothing to convert


def test_repeated_request(server):
    path = "/v1/conversions?model=acme/repeated"
    ask_again = {"Idempotency-Key": "a body"}
    one = ask(server, "POST", path, SAMPLE.read_bytes(), **ask_again)
    finished(server, one.json)
    two = ask(server, "POST", path, SAMPLE.read_bytes(), **ask_again)
    assert (two.status, two.json["id"]) == (202, one.json["id"])
    other = ask(server, "POST", path + "x", SAMPLE.read_bytes(), **ask_again)
    assert other.status == 422
    assert soon(lambda: uploads_of(server) == [])


def test_repeated_after_the_upload_is_gone(server):
    reference = upload(server, "gone-when-repeated",
                       {"c.tar.gz": SAMPLE.read_bytes()})
    request = dict(checkpoint=reference, model="acme/gone",
                   headers={"Idempotency-Key": "an upload"})
    one = submit(server, **request)
    assert finished(server, one.json)["state"] == "succeeded"
    path = "/v1/uploads/gone-when-repeated"
    assert ask(server, "DELETE", path).status == 204
    two = submit(server, **request)
    assert (two.status, two.json["id"]) == (202, one.json["id"])


@pytest.mark.parametrize("query, body, kind, status, word", [
    ("", b"", None, 400, "no body"),
    ("", b"not an archive", None, 415, "archive"),
    ("?colour=red", b"", None, 400, "colour"),
    ("?file=config.json", b"", None, 400, "file"),
    ("?dtype=int8", b"", None, 400, "int8"),
    ("?model=nosuch", b"", None, 400, "nosuch"),
    ("?model=a/b&model=a/c", b"", None, 400, "twice"),
    ("", SAMPLE.read_bytes()[:5000], None, 422, "cut off"),
])
def test_refused(server, query, body, kind, status, word):
    reply = ask(server, "POST", "/v1/conversions" + query, body)
    assert reply.status == status, reply.data
    assert word in reply.data.decode()
    assert soon(lambda: uploads_of(server) == [])


def test_gin_file_has_to_be_text(server):
    body, kind = form_of(("checkpoint", "a.tar.gz", SAMPLE.read_bytes()),
                         ("gin_file", "x.gin", b"\xff\xfe"))
    reply = ask(server, "POST", "/v1/conversions", body, Content_Type=kind)
    assert reply.status == 400 and b"UTF-8" in reply.data


def test_equal_options_are_one_request(server, sample):
    reference = upload(server, "equal-options-once",
                       {"c.tar.gz": SAMPLE.read_bytes()})
    one = submit(server, checkpoint=reference, model="acme/equal",
                 num_experts=4, headers={"Idempotency-Key": "equal"})
    two = submit(server, checkpoint=reference, model="acme/equal",
                 num_experts="4", headers={"Idempotency-Key": "equal"})
    assert one.json["id"] == two.json["id"]
    finished(server, one.json)


def test_queued_job_holds_its_upload(tmp_path):
    """Until it has ended, also while it waits, and over a restart."""
    server = Server(tmp_path / "data", "--client-rate", 0)
    blocker = upload(server, "keeps-the-worker-busy",
                     {f"f{i}": b"x" * 4096 for i in range(2000)})
    waiting = upload(server, "waits-for-the-worker",
                     {"c.tar.gz": SAMPLE.read_bytes()})
    path = "/v1/uploads/waits-for-the-worker"
    first = submit(server, checkpoint=blocker, model="a/first").json
    second = submit(server, checkpoint=waiting, model="a/second").json
    held = ask(server, "DELETE", path)
    assert held.status == 409, held.data
    assert ask(server, "GET", path).json["in_use"] is True
    server.stop(9)

    server = Server(tmp_path / "data", "--client-rate", 0)
    state = ask(server, "GET", f"/v1/conversions/{second['id']}").json["state"]
    if state not in ENDED:
        assert ask(server, "DELETE", path).status == 409
    assert finished(server, second)["state"] == "succeeded"
    finished(server, first)
    assert soon(lambda: ask(server, "DELETE", path).status == 204)
    assert server.stop() == 0


def test_cancelled_while_queued(tmp_path):
    with serving(tmp_path, "--client-rate", 0) as server:
        upload(server, "keeps-the-worker-busy",
               {f"f{i}": b"x" * 4096 for i in range(500)})
        submit(server, checkpoint="upload:keeps-the-worker-busy", model="a/b")
        job = ask(server, "POST", "/v1/conversions?model=a/c",
                  SAMPLE.read_bytes()).json
        reply = ask(server, "DELETE", f"/v1/conversions/{job['id']}")
        assert reply.status in (202, 204)
        assert soon(lambda: "keeps-the-worker-busy" in uploads_of(server)
                    and len(uploads_of(server)) == 1)


def test_body_survives_a_kill(tmp_path, expected):
    """What was answered with 202 is converted, and leaves no upload behind."""
    server = Server(tmp_path / "data", "--client-rate", 0)
    jobs = [ask(server, "POST", f"/v1/conversions?model=a/m{i}&dtype={d}",
                SAMPLE.read_bytes()).json
            for i, d in enumerate(("float16", "bfloat16", "float32"))]
    server.stop(9)
    server = Server(tmp_path / "data", "--client-rate", 0)
    for job in jobs:
        assert finished(server, job)["state"] == "succeeded"
    assert files_of(server, "a/m0") == expected("--dtype", "float16")
    assert soon(lambda: uploads_of(server) == [])
    trees = tmp_path / "data/uploads/trees"
    assert soon(lambda: list(trees.iterdir()) == [])
    assert server.stop() == 0


def test_old_jobs_are_forgotten(tmp_path):
    with serving(tmp_path, "--client-rate", 0) as server:
        job = finished(server, ask(server, "POST",
                                   "/v1/conversions?model=a/kept",
                                   SAMPLE.read_bytes()).json)
    time.sleep(1.1)
    with serving(tmp_path, "--client-rate", 0, "--job-age", "1s") as server:
        path = f"/v1/conversions/{job['id']}"
        assert soon(lambda: ask(server, "GET", path).status == 404)
        assert ask(server, "GET", "/v1/models/a/kept").status == 200
