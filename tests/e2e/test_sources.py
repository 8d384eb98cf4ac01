"""Checkpoints in object stores: the same bytes come out, whichever it is."""
import json
import os
import shutil
import subprocess
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from conftest import PROGRAM, bytes_of, golden, make
from servers import FakeGcs, Front, Hub, Server, Weed, authorization, reply
from test_jobs import finished, submit
from test_service import serving
from web import NGINX, Web

# All that is not a letter means something in URLs or signatures.
RUN = "runs/a b=+&%?#*~;ü"
STEP = f"{RUN}/checkpoint_500100"
TOKEN = "TOKEN-that-must-not-show"
IN_CI = "CI" in os.environ


def need(program):
    if not program and not IN_CI:
        pytest.skip("tests/requirements.txt is not installed")
    assert program


def files_of(folder, prefix):
    """{name: bytes} of all files below a folder."""
    return {f"{prefix}/{p.relative_to(folder)}": p.read_bytes()
            for p in sorted(Path(folder).rglob("*")) if p.is_file()}


def put_all(server, bucket, files):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda f: server.put(bucket, *f), files.items()))


@pytest.fixture(scope="session")
def run(sample):
    """The sample as the only step of a training run, by object name."""
    return files_of(sample.checkpoint, f"{RUN}/checkpoint_500100")


@pytest.fixture(scope="session")
def expected(sample, tmp_path_factory):
    out = tmp_path_factory.mktemp("expected") / "model"
    subprocess.run([PROGRAM, "convert", sample.checkpoint, "--out", out,
                    "--quiet"], check=True)
    return bytes_of(out)


@pytest.fixture(scope="session")
def s3(run, tmp_path_factory):
    need(Weed.program)
    with Weed(tmp_path_factory.mktemp("weed")) as server:
        for bucket in ("public", "private"):
            put_all(server, bucket, run)
        yield server


@pytest.fixture(scope="session")
def gcs(run, tmp_path_factory):
    need(FakeGcs.program)
    folder = tmp_path_factory.mktemp("gcs")
    (folder / "buckets/bucket").mkdir(parents=True)
    (folder / "buckets/bucket/0").write_bytes(b"")
    with FakeGcs(folder / "buckets", folder) as server:
        put_all(server, "bucket", run)
        yield server


@pytest.fixture(scope="session")
def hub(run):
    with Hub() as server:
        server.add("models/acme/switch", run)
        server.add("datasets/acme/switch", run)
        server.add("models/acme/private", run, token=TOKEN)
        server.add("models/acme/gated", run, token=TOKEN, gated=True)
        yield server


class Command:
    """The program with an environment that has nothing of the tester's."""

    def __init__(self, home):
        self.home = home

    def run(self, *args, **environment):
        return subprocess.run(
            [PROGRAM, *map(str, args)], capture_output=True, text=True,
            timeout=120, env={"HOME": str(self.home), "PATH": "/usr/bin:/bin",
                              **environment})

    def convert(self, url, *args, **environment):
        """The model that comes out."""
        out = self.home / "model"
        shutil.rmtree(out, ignore_errors=True)
        result = self.run("convert", url, "--out", out, *args, **environment)
        assert result.returncode == 0, result.stderr
        return bytes_of(out)

    def fails(self, url, status, *words, **environment):
        """What it says on standard error."""
        result = self.run("convert", url, "--out", self.home / "none",
                          **environment)
        assert result.returncode == status, result.stderr
        for word in words:
            assert word in result.stderr, result.stderr
        assert TOKEN not in result.stderr
        assert Weed.SECRET not in result.stderr
        assert not (self.home / "none").exists()
        return result.stderr


@pytest.fixture
def command(tmp_path):
    return Command(tmp_path)


# S3.

def keys(server, **more):
    return {"AWS_ENDPOINT_URL_S3": server.url, "AWS_ACCESS_KEY_ID": Weed.KEY,
            "AWS_SECRET_ACCESS_KEY": Weed.SECRET, **more}


@pytest.mark.parametrize("place", [STEP, STEP + "/", RUN, STEP + "/checkpoint"])
def test_s3(s3, command, expected, place):
    assert command.convert(f"s3://private/{place}", **keys(s3)) == expected


def test_s3_anonymous(s3, command, expected):
    url = f"s3://public/{STEP}"
    assert command.convert(url, AWS_ENDPOINT_URL=s3.url) == expected
    command.fails(f"s3://private/{STEP}", 4, "AccessDenied",
                  "AWS_ACCESS_KEY_ID", AWS_ENDPOINT_URL=s3.url)


def test_s3_profile(s3, command, expected):
    """Everything from ~/.aws; the bucket is in the host's name."""
    (command.home / ".aws").mkdir()
    (command.home / ".aws/credentials").write_text(
        f"[default]\naws_access_key_id = wrong\naws_secret_access_key = x\n"
        f"[work]\naws_access_key_id = {Weed.KEY}\n"
        f"aws_secret_access_key = {Weed.SECRET}\n")
    (command.home / ".aws/config").write_text(
        f"[profile work]\nregion = eu-central-1\n"
        f"endpoint_url = http://localhost:{s3.port}\n"
        f"s3 =\n  addressing_style = virtual\n")
    with Front(s3.port) as front:
        config = command.home / ".aws/config"
        config.write_text(config.read_text().replace(str(s3.port),
                                                     str(front.port)))
        assert command.convert(f"s3://private/{RUN}",
                               AWS_PROFILE="work") == expected
    assert {h["Host"] for _, h in front.seen} == {
        f"private.localhost:{front.port}"}
    assert all("/eu-central-1/s3/" in h["Authorization"]
               for _, h in front.seen)


def test_s3_signature_covers_session(s3, command):
    """Each request carries the token, and a signature that is right."""
    wrong = []

    def look(request):
        headers = {n.lower(): v for n, v in request.headers.items()}
        sent = headers["authorization"]
        names = sent.split("SignedHeaders=")[1].split(",")[0].split(";")
        right = authorization(request.command, request.path, headers, names,
                              "k", "s/+", "r-1")
        if (sent != right or headers["x-amz-security-token"] != TOKEN
                or "x-amz-security-token" not in names or "host" not in names):
            wrong.append((request.path, sent, right))
        return reply(request, 404, b"<Error><Code>NoSuchKey</Code></Error>") \
            or True

    with Front(s3.port, look) as front:
        command.fails(f"s3://private/{RUN}", 4, AWS_ENDPOINT_URL=front.url,
                      AWS_ACCESS_KEY_ID="k", AWS_SECRET_ACCESS_KEY="s/+",
                      AWS_SESSION_TOKEN=TOKEN, AWS_REGION="r-1")
    assert len(front.seen) > 3 and not wrong
    assert any("?" in path for path, _ in front.seen)


@pytest.mark.parametrize("change, words", [
    ({"AWS_ACCESS_KEY_ID": "unknown"}, ["InvalidAccessKeyId"]),
    ({"AWS_SECRET_ACCESS_KEY": "other"}, ["SignatureDoesNotMatch",
                                          "AWS_SECRET_ACCESS_KEY"]),
    ({"AWS_ACCESS_KEY_ID": "POORKEY", "AWS_SECRET_ACCESS_KEY": "poor"},
     ["AccessDenied", "no right"]),
])
def test_s3_wrong_keys(s3, command, change, words):
    command.fails(f"s3://private/{STEP}", 4, *words, **keys(s3, **change))


def test_s3_absent(s3, command):
    command.fails("s3://no-such-bucket/x", 4, "NoSuchBucket",
                  "a bucket that is not there", **keys(s3))
    command.fails("s3://private/no/such/run", 4,
                  "no/such/run is not in s3://private", **keys(s3))


def test_s3_missing_chunk(s3, run, command):
    """Absent is one thing, denied is another, also where zeros would do."""
    name = next(n for n in run if n.endswith("/0.0") and "/target." in n)

    def look(request):
        if request.path.endswith(name.rsplit("/", 2)[1] + "/0.0"):
            denied = request.server.denied
            code = "AccessDenied" if denied else "NoSuchKey"
            reply(request, 403 if denied else 404,
                  f"<Error><Code>{code}</Code></Error>".encode())
            return True

    with Front(s3.port, look) as front:
        front.server.denied = False
        command.fails(f"s3://public/{STEP}", 3, "0.0",
                      AWS_ENDPOINT_URL=front.url)
        command.convert(f"s3://public/{STEP}", "--allow-missing-chunks",
                        AWS_ENDPOINT_URL=front.url)
        front.server.denied = True
        result = command.run("convert", f"s3://public/{STEP}", "--out",
                             command.home / "none", "--allow-missing-chunks",
                             AWS_ENDPOINT_URL=front.url)
        assert result.returncode == 4 and "AccessDenied" in result.stderr


# What Amazon answers, from its documentation of error responses.
ANSWERS = [
    (301, "<Error><Code>PermanentRedirect</Code><Endpoint>x</Endpoint>"
     "</Error>", {"x-amz-bucket-region": "eu-west-3"},
     ["is in another region", "eu-west-3"]),
    (400, "<Error><Code>AuthorizationHeaderMalformed</Code><Message>m"
     "</Message><Region>eu-west-1</Region></Error>", {},
     ["is in another region", "eu-west-1"]),
    (403, "<Error><Code>RequestTimeTooSkewed</Code></Error>", {}, ["clock"]),
    (403, "<Error><Code>ExpiredToken</Code></Error>", {}, ["has expired"]),
    (400, "<Error><Code>InvalidToken</Code></Error>", {},
     ["AWS_SESSION_TOKEN"]),
    (403, "<Error><Code>InvalidObjectState</Code></Error>", {}, ["archived"]),
    (403, "<Error><Code>NoSuchKey</Code></Error>", {}, ["may not be read"]),
    (403, "<!DOCTYPE x [<!ENTITY a 'AccessDenied'>]><Error><Code>&a;</Code>"
     "</Error>", {}, ["may not be read (HTTP status 403)"]),
]


@pytest.mark.parametrize("status, body, headers, words", ANSWERS)
def test_s3_answers(command, status, body, headers, words):
    class Amazon(Server):
        def handle(self, request):
            reply(request, status, body.encode(), headers)

    with Amazon() as server:
        command.fails("s3://bucket/x", 4, *words, **keys(server))


def test_s3_slow_down(s3, command, expected):
    """503 is not the end."""
    count = iter(range(1, 10**6))

    def look(request):
        if next(count) % 10 == 0:
            reply(request, 503, b"<Error><Code>SlowDown</Code></Error>")
            return True

    with Front(s3.port, look) as front:
        assert command.convert(f"s3://private/{STEP}",
                               **keys(front)) == expected


# Google Cloud Storage.

@pytest.mark.parametrize("place", [RUN, STEP])
def test_gcs(gcs, command, expected, place):
    host = gcs.url if place == RUN else f"127.0.0.1:{gcs.port}"
    assert command.convert(f"gs://bucket/{place}",
                           STORAGE_EMULATOR_HOST=host) == expected


def test_gcs_provenance(gcs, command, tmp_path):
    """The report names the generation of the index that was read."""
    report = tmp_path / "provenance.json"
    command.convert(f"gs://bucket/{STEP}", "--provenance", report,
                    STORAGE_EMULATOR_HOST=gcs.url)
    source = json.loads(report.read_text())["source"]
    assert source["path"] == f"gs://bucket/{STEP}"
    assert source["index_version"].isdigit()


def test_gcs_absent(gcs, command):
    command.fails("gs://no-such-bucket/x", 4, "no bucket gs://no-such-bucket",
                  STORAGE_EMULATOR_HOST=gcs.url)
    command.fails("gs://bucket/no/such/run", 4,
                  "no/such/run is not in gs://bucket",
                  STORAGE_EMULATOR_HOST=gcs.url)


def google(gcs, token):
    """The server as Google has it: with a token, or not at all."""
    def look(request):
        if request.headers.get("Authorization") != f"Bearer {token}":
            reply(request, 401, json.dumps({"error": {
                "code": 401, "message": "Anonymous caller does not have "
                "storage.objects.get access"}}).encode())
            return True
    return Front(gcs.port, look)


def test_gcs_token(gcs, command, expected, tmp_path):
    (tmp_path / "token").write_text(TOKEN + "\n")
    url = f"gs://bucket/{STEP}"
    with google(gcs, TOKEN) as front:
        place = {"CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE":
                 front.url + "/storage/v1/"}
        assert command.convert(url, CLOUDSDK_AUTH_ACCESS_TOKEN=TOKEN,
                               **place) == expected
        assert command.convert(
            url, CLOUDSDK_AUTH_ACCESS_TOKEN_FILE=str(tmp_path / "token"),
            **place) == expected
        assert command.convert(url, "--token-file", tmp_path / "token",
                               **place) == expected
        command.fails(url, 4, "Anonymous caller", "gcloud auth", **place)
        command.fails(url, 4, "token does not allow",
                      CLOUDSDK_AUTH_ACCESS_TOKEN="other", **place)
    with google(gcs, TOKEN) as emulator:
        command.fails(url, 4, STORAGE_EMULATOR_HOST=emulator.url,
                      CLOUDSDK_AUTH_ACCESS_TOKEN=TOKEN)
    assert emulator.seen
    assert not any("Authorization" in h for _, h in emulator.seen)


class Metadata(Server):
    """The metadata server of Google's machines: a new token each time."""

    def __init__(self, seconds=3599, status=200):
        self.seconds, self.status = seconds, status
        self.tokens = set()  # "Bearer TOKEN" of all that were handed out

    def handle(self, request):
        self.seen.append((request.path, request.headers))
        if request.headers.get("Metadata-Flavor") != "Google":
            return reply(request, 403)
        token = f"{TOKEN}-{len(self.seen)}"
        self.tokens.add(f"Bearer {token}")
        return reply(request, self.status, json.dumps({
            "access_token": token, "expires_in": self.seconds,
            "token_type": "Bearer"}).encode())

    def gate(self, port):
        """A server that wants one of them, before the one at a port."""
        def look(request):
            if request.headers.get("Authorization") not in self.tokens:
                reply(request, 401)
                return True
        return Front(port, look)


def on_machine(metadata, url):
    return {"GCE_METADATA_HOST": f"127.0.0.1:{metadata.port}",
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE": url}


def test_gcs_metadata_server(gcs, command, expected):
    """A token is asked for as on Google's machines, and once while it lasts."""
    url = f"gs://bucket/{STEP}"
    with Metadata() as metadata, metadata.gate(gcs.port) as front:
        assert command.convert(url, **on_machine(metadata, front.url)) == \
            expected
        assert [path for path, _ in metadata.seen] == [
            "/computeMetadata/v1/instance/service-accounts/default/token"]
    with Metadata(seconds=0) as metadata, metadata.gate(gcs.port) as front:
        assert command.convert(url, **on_machine(metadata, front.url)) == \
            expected
        assert len(metadata.seen) > 1
    # A machine without an account reads what is public.
    with Metadata(status=404) as metadata, Front(gcs.port) as front:
        assert command.convert(url, **on_machine(metadata, front.url)) == \
            expected
        assert not any("Authorization" in h for _, h in front.seen)
        assert len(metadata.seen) == 1
    with Metadata(seconds="x") as metadata, Front(gcs.port) as front:
        command.fails(url, 4, "metadata server gives no token",
                      **on_machine(metadata, front.url))


def test_gcs_empty_pages(gcs, command, expected):
    """A page without anything may name a next one."""
    def look(request):
        if "delimiter" in request.path and "pageToken" not in request.path:
            reply(request, 200, b'{"kind":"storage#objects",'
                  b'"nextPageToken":"' + b"empty" + b'"}')
            return True
        if "pageToken=empty" in request.path:
            request.path = request.path.replace("&pageToken=empty", "")

    with Front(gcs.port, look) as front:
        assert command.convert(f"gs://bucket/{RUN}",
                               STORAGE_EMULATOR_HOST=front.url) == expected


# The Hub.

@pytest.mark.parametrize("place", [RUN, STEP])
def test_hub(hub, command, expected, place):
    assert command.convert(f"hf://acme/switch/{place}",
                           HF_ENDPOINT=hub.url) == expected


@pytest.mark.parametrize("repository", [
    "datasets/acme/switch", "acme/switch@refs/pr/1",
    "acme/switch@refs%2Fpr%2F1"])
def test_hub_revisions(hub, command, repository):
    result = command.run("inspect", f"hf://{repository}/{STEP}",
                         HF_ENDPOINT=hub.url)
    assert result.returncode == 0, result.stderr


def test_hub_token(hub, command, expected, tmp_path):
    """It goes to the Hub, and never to where the Hub sends us."""
    url = f"hf://acme/private/{STEP}"
    hub.seen.clear()
    hub.blobs.seen.clear()
    assert command.convert(url, HF_ENDPOINT=hub.url,
                           HF_TOKEN=TOKEN) == expected
    assert all(h["Authorization"] == f"Bearer {TOKEN}" for _, h in hub.seen)
    assert hub.blobs.seen
    assert not any("Authorization" in h for _, h in hub.blobs.seen)
    (tmp_path / "token").write_text(TOKEN)
    assert command.convert(url, HF_ENDPOINT=hub.url,
                           HF_HOME=str(tmp_path)) == expected
    command.fails(url, 4, "not there, or private", "HF_TOKEN",
                  HF_ENDPOINT=hub.url)
    command.fails(f"hf://acme/gated/{STEP}", 4, "gated repository", "terms",
                  HF_ENDPOINT=hub.url)


def test_hub_absent(hub, command):
    place = {"HF_ENDPOINT": hub.url}
    command.fails("hf://acme/none/x", 4, "not there, or private", **place)
    command.fails("hf://acme/switch@v9/x", 4, "revision", **place)
    command.fails("hf://acme/switch/no/such/run", 4,
                  "hf://acme/switch/no/such/run is not there", **place)


def test_hub_is_pinned(hub, command, expected):
    """What is committed meanwhile changes nothing."""
    commit = hub.repositories["models/acme/switch"][0]
    hub.seen.clear()
    command.convert(f"hf://acme/switch/{RUN}", HF_ENDPOINT=hub.url)
    paths = [path for path, _ in hub.seen]
    assert paths[0] == "/api/models/acme/switch/revision/main"
    assert all(commit in path for path in paths[1:])


def test_hub_link_to_elsewhere(hub, command):
    """A listing's next page is asked of the Hub only."""
    def look(request):
        if "/tree/" in request.path:
            reply(request, 200, b"[]", {
                "Link": '<http://127.0.0.1:1/api/x>; rel="next"'})
            return True

    with Front(hub.port, look) as front:
        command.fails(f"hf://acme/private/{RUN}", 4, "another server",
                      HF_ENDPOINT=front.url, HF_TOKEN=TOKEN)


def test_hub_is_one(hub, run, tmp_path):
    """The Hub's own client reads the same from the server that stands in."""
    hub_client = pytest.importorskip("huggingface_hub")
    for token, name in ((None, "acme/switch"), (TOKEN, "acme/private")):
        folder = hub_client.snapshot_download(
            name, cache_dir=tmp_path, endpoint=hub.url, token=token or False)
        assert files_of(Path(folder), ".") == {
            "./" + n: data for n, data in run.items()}
    api = hub_client.HfApi(endpoint=hub.url, token=False)
    assert len(list(api.list_repo_tree("acme/switch", recursive=True))) == len(
        run)
    with pytest.raises(hub_client.errors.RepositoryNotFoundError):
        api.model_info("acme/none")
    with pytest.raises(hub_client.errors.RevisionNotFoundError):
        api.model_info("acme/switch", revision="v9")
    with pytest.raises(hub_client.errors.GatedRepoError):
        api.model_info("acme/gated")
    with pytest.raises(hub_client.errors.EntryNotFoundError):
        hub_client.hf_hub_download("acme/switch", "x", cache_dir=tmp_path,
                                   endpoint=hub.url, token=False)


# All.

@pytest.fixture(scope="session")
def layouts(sample, tmp_path_factory):
    """{name: folder} of checkpoints in every layout."""
    found = {"t5x": sample.checkpoint}
    for case in ("orbax", "orbax-ocdbt", "orbax-zarr3"):
        folder = tmp_path_factory.mktemp(case)
        with tarfile.open(golden.CASES / case / "checkpoint.tar.gz") as tar:
            tar.extractall(folder)
        found[case] = folder / "checkpoint"
    return found


@pytest.mark.skipif(not NGINX, reason="nginx is not installed")
def test_every_layout_from_everywhere(layouts, s3, gcs, hub, command, tmp_path):
    """What comes out does not tell where it came from."""
    (tmp_path / "web").mkdir()
    files = {}
    for name, folder in layouts.items():
        shutil.copytree(folder, tmp_path / "web" / name)
        files.update(files_of(folder, name))
    put_all(s3, "private", files)
    put_all(gcs, "bucket", files)
    hub.add("models/acme/layouts", files)
    with Web(tmp_path / "web", tmp_path / "nginx") as web:
        for name, folder in layouts.items():
            local = command.convert(folder)
            for url, environment in (
                    (f"https://localhost:{web.https}/{name}",
                     {"SWITCHYARD_CA_FILE": str(web.ca)}),
                    (f"s3://private/{name}", keys(s3)),
                    (f"gs://bucket/{name}", {"STORAGE_EMULATOR_HOST": gcs.url}),
                    (f"hf://acme/layouts/{name}", {"HF_ENDPOINT": hub.url})):
                assert command.convert(url, **environment) == local, url
    mark = command.convert("s3://private/orbax-ocdbt/manifest.ocdbt", **keys(s3))
    assert mark == command.convert(layouts["orbax-ocdbt"])


def test_listing_of_many_pages(s3, gcs, hub, run, command, expected):
    """The one finished step is the last of 1,051."""
    decoys = [f"many/checkpoint_{i}/decoy" for i in range(1000, 2050)]
    steps = {name.replace(RUN, "many"): data for name, data in run.items()}
    files = {**dict.fromkeys(decoys, b""), **steps}
    put_all(s3, "private", files)
    put_all(gcs, "bucket", files)
    hub.add("models/acme/many", files)
    assert command.convert("s3://private/many", **keys(s3)) == expected
    assert command.convert("gs://bucket/many",
                           STORAGE_EMULATOR_HOST=gcs.url) == expected
    assert command.convert("hf://acme/many/many",
                           HF_ENDPOINT=hub.url) == expected


def test_changed_object(s3, gcs, command, tmp_path):
    """An object that is written while it is read is neither."""
    make(tmp_path / "c", "--layers", 12, "--decoder-layers", 12)
    index = (tmp_path / "c/checkpoint").read_bytes()
    assert len(index) > 100000  # more than one request
    s3.put("private", "long/checkpoint", index)
    gcs.put("bucket", "long/checkpoint", index)

    def change(server, bucket):
        asked = []

        def look(request):
            path = request.path.partition("?")[0].replace("%2F", "/")
            if path.endswith("/long/checkpoint"):
                asked.append(path)
                if len(asked) == 2:
                    server.put(bucket, "long/checkpoint", index[:-1] + b"x")
        return look

    with Front(s3.port, change(s3, "private")) as front:
        command.fails("s3://private/long", 4, "changed while it was read",
                      **keys(front))
    with Front(gcs.port, change(gcs, "bucket")) as front:
        command.fails("gs://bucket/long", 4, "changed while it was read",
                      STORAGE_EMULATOR_HOST=front.url)


def test_local_and_remote_say_the_same(sample, s3, command):
    local = json.loads(command.run("inspect", sample.checkpoint,
                                   "--json").stdout)
    far = json.loads(command.run("inspect", f"s3://private/{STEP}", "--json",
                                 **keys(s3)).stdout)
    assert far["files"] == local["files"]


# The service.

def test_service(s3, gcs, hub, expected, tmp_path):
    """Its settings have the credentials, and no log or answer shows them."""
    with Metadata() as metadata, metadata.gate(gcs.port) as front:
        (tmp_path / "settings").write_text(
            f"s3-endpoint = {s3.url}\ns3-key = {Weed.KEY}\n"
            f's3-secret = "{Weed.SECRET}"\n'
            f"gcs-endpoint = {front.url}\ngcs-metadata = {metadata.url}\n"
            f"hf-endpoint = {hub.url}\nhf-token = {TOKEN}\n"
            # Where the Hub redirects to is no setting's own place.
            "source-schemes = https http gs s3 hf\nsource-ports = 1-65535\n"
            "source-exceptions = localhost\n")
        with serving(tmp_path, "--config-file", tmp_path / "settings") as s:
            for kind, url in (("s3", f"s3://private/{RUN}"),
                              ("gs", f"gs://bucket/{RUN}"),
                              ("hf", f"hf://acme/private/{STEP}")):
                job = outcome(s, url, f"acme/{kind}")
                assert job.get("state") == "succeeded", job
                assert job["request"]["checkpoint"] == url
                weights = s.request("GET", f"/v1/models/acme/{kind}/files/"
                                    "model.safetensors").data
                assert weights == expected["model.safetensors"]
            # A commit is a version: what came of it once is there already.
            again = outcome(s, f"hf://acme/private/{STEP}", "acme/again")
            assert again["report"]["shared"]
            absent = outcome(s, "s3://private/none", "acme/no")
            assert absent["type"] == "/problems/not-found"
            said = s.log() + json.dumps([job, again, absent])
        assert TOKEN not in said and Weed.SECRET not in said


def test_service_follows_the_hub_to_public_places_only(hub, tmp_path):
    hub.blobs.seen.clear()
    with serving(tmp_path, "--hf-endpoint", hub.url) as s:
        assert outcome(s, f"hf://acme/switch/{STEP}", "acme/x")["type"] == \
            "/problems/url-not-allowed"
    assert not hub.blobs.seen


def outcome(server, url, model):
    """The job's end, or why there is none."""
    answer = submit(server, checkpoint=url, model=model)
    if answer.status != 202:
        return answer.json
    job = finished(server, answer.json)
    return job["problem"] if job["state"] == "failed" else job


def test_service_does_not_act_for_its_environment(s3, hub, tmp_path,
                                                  monkeypatch):
    """What its own shell can read is not for those who send requests."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    for name, value in keys(s3).items():
        monkeypatch.setenv(name, value)
    with serving(tmp_path, "--s3-endpoint", s3.url, "--hf-endpoint",
                 hub.url) as s:
        for url in (f"s3://private/{RUN}", f"hf://acme/private/{RUN}"):
            assert outcome(s, url, "acme/x")["type"] == \
                "/problems/source-denied"


@pytest.mark.parametrize("url, status, word", [
    ("gs://", 2, "no bucket"), ("s3://a@b/c", 2, "bucket name"),
    ("s3://b/../c", 3, "not a path inside"), ("hf://o", 2, "repository"),
    ("ftp://b/c", 2, "scheme")])
def test_bad_urls(command, url, status, word):
    command.fails(url, status, word)
