"""URLs and paths in requests to the service: what it fetches, and what never.

The suite of refusals sends every trick that is known for making a server ask
its own network. A listening socket on the address that most of them mean sees
nothing.
"""
import json
import os
import re
import shutil
import socket
import subprocess
import threading
import time
from types import SimpleNamespace

import pytest
from conftest import bytes_of, converted
from flaky import Flaky
from test_jobs import ask, finished, submit
from test_service import serving
from web import NGINX, Web


class Trap:
    """Listens, and counts who connects."""

    def __init__(self, address="127.0.0.1", family=socket.AF_INET):
        self.socket = socket.create_server((address, 0), family=family)
        self.port = self.socket.getsockname()[1]
        self.hits = 0
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.hits += 1
            connection.close()


@pytest.fixture(scope="module")
def trap():
    return Trap()


@pytest.fixture(scope="module")
def strict(tmp_path_factory):
    """A service as it is by default, but that any port and http will do."""
    with serving(tmp_path_factory.mktemp("strict"), "--client-rate", 0,
                 "--source-schemes", "https http gs s3 hf", "--source-ports",
                 "1-65535", "--source-time", 2) as s:
        yield s


# Spellings of addresses that must not be connected to.
PRIVATE = """
127.0.0.1 127.0.0.2 127.1.2.3 127.255.255.254 0.0.0.0 0.1.2.3 10.0.0.1
10.255.255.254 100.64.0.1 100.100.100.200 100.127.255.254 169.254.169.254
169.254.170.2 172.16.0.1 172.17.0.1 172.31.255.254 192.0.0.1 192.0.0.192
192.0.2.1 192.88.99.1 192.168.0.1 192.168.255.254 198.18.0.1 198.19.255.254
198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.250 240.0.0.1 255.255.255.255
[::] [::1] [0:0:0:0:0:0:0:1] [0000:0000:0000:0000:0000:0000:0000:0001]
[::127.0.0.1] [::7f00:1] [::a00:1] [::ffff:127.0.0.1] [::ffff:7f00:1]
[::FFFF:7F00:1] [0:0:0:0:0:ffff:127.0.0.1] [::ffff:10.0.0.1]
[::ffff:169.254.169.254] [::ffff:a9fe:a9fe] [::ffff:0:127.0.0.1]
[64:ff9b::7f00:1] [64:ff9b::10.0.0.1] [64:ff9b::a9fe:a9fe] [64:ff9b:1::7f00:1]
[64:ff9b:1:ffff::1] [100::1] [2001::1] [2001:0:7f00:1::1] [2001:2::1]
[2001:10::1] [2001:20::1] [2001:db8::1] [2002:7f00:1::] [2002:7f00:1::1]
[2002:a9fe:a9fe::1] [2002:c0a8:1::1] [3fff::1] [5f00::1] [fc00::1] [fd00::1]
[fd00:ec2::254] [fe80::1] [fe80::a9fe:a9fe] [febf::1] [fec0::1] [ff02::1]
[ff05::1] [2606:4700::5efe:127.0.0.1] [2606:4700::200:5efe:7f00:1]
""".split()

# Texts that some reader takes for one of the above; none is a URL here.
SPELLINGS = """
2130706433 0x7f000001 0X7F000001 017700000001 0x7f.1 0x7f.0x0.0x0.0x1
0177.0.0.1 0177.0.0.01 127.1 127.0.1 127.0.0.01 127.0.0.0x1 0x7f.0.0.1
00000000000177.0.0.1 0 0x0 1 01 127.0.0.1.. .127.0.0.1 127..0.0.1
3232235521 2852039166 0xa9fea9fe 0251.0376.0251.0376 169.254.43518
2852039166. 169.16689662 256.256.256.256 127.0.0.256 1.2.3.4.5 999.1
127.0.0.1%00.example.org 127.0.0.1%2eexample.org %31%32%37.0.0.1
localhost%00 loc%61lhost 127%2e0%2e0%2e1 127.0.0.1%0d%0a
\\u0031\\u0032\\u0037.0.0.1 [::1%25lo] [::1%lo] [fe80::1%25eth0] [::ffff:127.1]
[::127.1] [127.0.0.1] [::1 ::1 [::1]] [[::1]] [v1.1] [::1].example.org
[0x7f000001] [::0x7f.0.0.1] [:::1] [1::2::3] [12345::1] [::1]x
127.0.0.1,example.org 127.0.0.1;example.org 127.0.0.1!x 127.0.0.1$x
127.0.0.1'x (127.0.0.1) *.0.0.1 127.0.0.* 127.0.0.1~
""".split() + ["\uff11\uff12\uff17.0.0.1", "127\u30020\u30020\u30021",
               "\u2460\u2461\u2466.0.0.1", "\u24db\u24de\u24d2al\u24d7ost",
               "loc\u00adalhost", "127.0.0.1\u200b", "\u202e127.0.0.1", " 127.0.0.1",
               "127.0.0.1 ", "127.0.0.1\t", "\t127.0.0.1", "127. 0.0.1"]

USERINFO = """
user@{} user:pass@{} @{} :@{} example.org@{} example.org%40{} example.org:443@{}
example.org%00@{} example.org\\@{} example.org;@{}
{}@example.org {}%40example.org {}:80@example.org {}\\@example.org
{}\\.example.org {}%5c.example.org https:@{} x@y@{} x:y@z@{}
""".split()

PORTS = ["", "0", "00", "65536", "99999", "-1", "+80", "80a", "0x50", "8 0",
         "80:80", "\u0668\u0660", "80%30", "1e2", "80.0", "123456789012345678901"]

SCHEMES = """
file:///etc/passwd file://localhost/etc/passwd file://127.0.0.1/etc/passwd
file:///proc/self/environ file:////etc/passwd file:///etc/../etc/passwd
FILE:///etc/passwd ftp://127.0.0.1/x ftps://127.0.0.1/x sftp://127.0.0.1/x
scp://127.0.0.1/x tftp://127.0.0.1/x gopher://127.0.0.1:6379/_INFO
dict://127.0.0.1:11211/stat ldap://127.0.0.1/x ldaps://127.0.0.1/x
imap://127.0.0.1/x pop3://127.0.0.1/x smtp://127.0.0.1/x smb://127.0.0.1/x
telnet://127.0.0.1/x rtsp://127.0.0.1/x rtmp://127.0.0.1/x mqtt://127.0.0.1/x
ws://127.0.0.1/x wss://127.0.0.1/x jar:https://127.0.0.1/x!/y
netdoc://127.0.0.1/x phar://x/y php://filter/x expect://id data://text/plain,x
unix:///var/run/docker.sock http+unix://%2Fvar%2Frun%2Fdocker.sock/x
git://127.0.0.1/x ssh://127.0.0.1/x s3a://bucket/x gcs://bucket/x hdfs://x/y
httpss://127.0.0.1/x xhttp://127.0.0.1/x http2://127.0.0.1/x
view-source:https://127.0.0.1/ http:/127.0.0.1/ http:127.0.0.1/ http:///127.0.0.1/
https:\\\\127.0.0.1/ http:\\/127.0.0.1/ //127.0.0.1/ ///127.0.0.1/ /etc/passwd
/etc/shadow /proc/self/environ /proc/self/root/etc /dev/zero /.. /../etc / /root
http://127.0.0.1/?x#@example.org http://127.0.0.1#.example.org/
http://127.0.0.1?.example.org/ http://[::1]?@example.org/
""".split()

PATHS = ["/../x", "/a/../../x", "/%2e%2e/x", "/.%2e/x", "/./x", "/a b", "/a\\b",
         "/a\tb", "/<x>", "/%", "/%zz", "/\u20ac", "/a|b", "/{x}", "/^", "/`",
         "/\"x\""]


def cases(port):
    for host in PRIVATE:
        yield f"http://{host}:{port}/x"
        yield f"https://{host}:{port}/latest/meta-data/"
    for host in SPELLINGS:
        yield f"http://{host}:{port}/x"
    for form in USERINFO:
        text = form.replace("{}", f"127.0.0.1:{port}")
        yield f"http://{text}/x"
    for number in PORTS:
        yield f"http://127.0.0.1:{number}/x"
    yield from SCHEMES
    for path in PATHS:
        yield f"http://127.0.0.1:{port}{path}"


REFUSALS = {"invalid-request", "invalid-url", "url-not-allowed", "unsafe-path"}


def test_refusals(strict, trap):
    """Each is refused when it is sent: as checkpoint, gin file and config."""
    tried = 0
    for number, text in enumerate(cases(trap.port)):
        for member in ("checkpoint", ("config", "gin")[number % 2]):
            request = {"checkpoint": "https://source.invalid/x", member: text}
            if member != "checkpoint" and not re.match("[a-zA-Z]+://", text):
                continue  # a text of its own
            reply = submit(strict, **request)
            assert reply.status in (400, 403, 422), (text, reply.data)
            slug = reply.json["type"].rsplit("/", 1)[1]
            assert slug in REFUSALS, (text, reply.json)
            if member == "checkpoint":
                tried += 1
    assert tried >= 300, tried
    assert trap.hits == 0


def test_names_of_local_addresses(strict, trap):
    """What a name stands for shows only when it was resolved."""
    names = ["localhost", "LOCALHOST", "localhost.", socket.gethostname()]
    for name in names:
        reply = submit(strict, checkpoint=f"http://{name}:{trap.port}/x")
        assert reply.status in (403, 502), reply.data
        if name.lower().startswith("localhost"):
            assert reply.json["type"] == "/problems/url-not-allowed"
    assert trap.hits == 0


def test_defaults(tmp_path):
    with serving(tmp_path) as server:
        for url in ("http://93.184.215.14/x", "https://93.184.215.14:8443/x",
                    "https://93.184.215.14:22/x", "https://127.0.0.1/x",
                    "/etc", "file:///etc"):
            reply = submit(server, checkpoint=url)
            assert reply.status == 403, (url, reply.data)


needs_nginx = pytest.mark.skipif(not NGINX, reason="nginx is not installed")


@pytest.fixture(scope="module")
def served(tmp_path_factory, sample):
    folder = tmp_path_factory.mktemp("served")
    shutil.copytree(sample.checkpoint, folder / "runs" / sample.checkpoint.name)
    shutil.copy(sample.gin, folder / "runs/model.gin")
    (tmp_path_factory.mktemp("outside") / "secret").write_text("s3cret")
    return folder


@pytest.fixture(scope="module")
def web(served, tmp_path_factory):
    with Web(served, tmp_path_factory.mktemp("nginx")) as web:
        yield web


@pytest.fixture(scope="module")
def server(served, web, tmp_path_factory):
    """A service that may ask 127.0.0.1, and no other address of this machine."""
    with serving(tmp_path_factory.mktemp("service"), "--client-rate", 0,
                 "--source-schemes", "https http", "--source-ports", "1-65535",
                 "--source-exceptions", "127.0.0.1", "--source-time", 5,
                 "--ca-file", web.ca, "--allow-local", served / "runs",
                 "--allow-local", served / "more") as s:
        yield s


@pytest.fixture(scope="module", autouse=True)
def more(served):
    (served / "more").mkdir()


@pytest.fixture(scope="module")
def expected(served, sample, tmp_path_factory):
    out = tmp_path_factory.mktemp("expected") / "model"
    converted(sample.checkpoint, "--gin", sample.gin, "--out", out)
    return bytes_of(out)


def model_of(server, **request):
    reply = submit(server, **request)
    assert reply.status == 202, reply.data
    job = finished(server, reply.json)
    assert job["state"] == "succeeded", job
    files = ask(server, "GET", f"/v1/models/{job['model']}").json["files"]
    return SimpleNamespace(job=job, files={
        f["name"]: ask(server, "GET", f"/v1/models/{job['model']}/files/"
                       f"{f['name']}").data for f in files})


@needs_nginx
def test_a_job_of_urls(server, web, expected):
    base = f"https://127.0.0.1:{web.https}/runs"
    got = model_of(server, checkpoint=f"{base}/checkpoint_500100?sig=s3cret",
                   gin=f"{base}/model.gin", model="acme/urls")
    assert got.files == expected
    assert "s3cret" not in json.dumps(got.job)
    assert got.job["request"]["checkpoint"] == f"{base}/checkpoint_500100"


@needs_nginx
def test_a_job_of_an_archive(server, web, served, sample, expected):
    """It comes in pieces, over a bad network, and leaves nothing behind."""
    subprocess.run(["tar", "-czf", served / "c.tar.gz", "-C", served / "runs",
                    "checkpoint_500100", "model.gin"], check=True)

    def faults(n, path):
        return ("cut", 5000) if n % 3 == 1 else None

    with Flaky(web.http, faults) as proxy:
        got = model_of(server, checkpoint=proxy.url("c.tar.gz"),
                       model="acme/archive", gin=sample.gin.read_text())
    assert got.files == expected
    assert server.is_clean_soon()
    (served / "bad.zip").write_bytes(b"PK" + bytes(1000))
    for name in ("bad.zip", "runs/model.gin?x=.zip"):
        reply = submit(server,
                       checkpoint=f"http://127.0.0.1:{web.http}/{name}")
        assert finished(server, reply.json)["state"] == "failed"
    assert server.is_clean_soon()


@needs_nginx
@pytest.mark.parametrize("form", ["{}/checkpoint_500100", "file://{}/"
                                  "checkpoint_500100", "{}/checkpoint_500100/",
                                  "{}", "{}/checkpoint_500100/checkpoint"])
def test_a_job_of_paths(server, served, expected, form):
    got = model_of(server, checkpoint=form.format(served / "runs"),
                   gin=str(served / "runs/model.gin"), model="acme/paths")
    assert got.files == expected


@needs_nginx
def test_a_config_s_folder(server, web, served, sample, expected):
    (served / "runs/config.json").write_bytes(expected["config.json"])
    for folder in (served / "runs", f"http://127.0.0.1:{web.http}/runs"):
        got = model_of(server, checkpoint=f"{folder}/checkpoint_500100",
                       config=str(folder), model="acme/config")
        assert got.files["model.safetensors"] == expected["model.safetensors"]
    reply = submit(server, checkpoint=str(sample.checkpoint), config="/etc")
    assert reply.status == 403


@needs_nginx
def test_paths_stay_in_their_folders(server, served, tmp_path):
    """By names, and by links, which others may make at any time."""
    runs = served / "runs"
    outside = tmp_path / "outside"
    shutil.copytree(runs / "checkpoint_500100", outside)
    (runs / "link").symlink_to(outside)
    (runs / "up").symlink_to("../..")
    (runs / "etc").symlink_to("/etc")
    (runs / "within").symlink_to("checkpoint_500100")
    for path in (f"{served}/runs/../../x", f"{served}", f"{served}/runsx",
                 f"{served}/runs/./x", "/etc", str(outside)):
        reply = submit(server, checkpoint=path)
        assert reply.status in (403, 422), (path, reply.data)
    for name in ("link", "up", "etc", "up/etc"):
        reply = submit(server, checkpoint=f"{runs}/{name}")
        job = finished(server, reply.json) if reply.status == 202 else None
        assert not job or job["state"] == "failed", (name, job)
    for name in ("link/checkpoint", "etc/passwd", "up/etc/passwd"):
        reply = submit(server, checkpoint=f"{runs}/within",
                       gin=f"{runs}/{name}")
        assert reply.status != 202 or \
            finished(server, reply.json)["state"] == "failed"
    assert model_of(server, checkpoint=f"{runs}/within", model="acme/within")


@needs_nginx
def test_equal_sources_share_a_result(server, web, served):
    url = f"http://127.0.0.1:{web.http}/runs/checkpoint_500100"
    first = model_of(server, checkpoint=url, model="acme/one")
    again = model_of(server, checkpoint=url + "?other=signature",
                     model="acme/two")
    assert again.job["report"]["shared"] and not first.job["report"].get("shared")
    index = served / "runs/checkpoint_500100/checkpoint"
    os.utime(index, (1, 1))  # another ETag
    other = model_of(server, checkpoint=url, model="acme/three")
    assert not other.job["report"].get("shared")


@needs_nginx
def test_mistakes_are_told_at_once(server, web):
    base = f"http://127.0.0.1:{web.http}/runs"
    for request, slug in (
            ({"gin": f"{base}/no.gin"}, "not-found"),
            ({"checkpoint": "http://127.0.0.1:1/x"}, "source-failed"),
            ({"checkpoint": f"https://127.0.0.2:{web.https}/x"},
             "url-not-allowed")):
        reply = submit(server, **{"checkpoint": f"{base}/checkpoint_500100",
                                  **request})
        assert reply.json["type"] == f"/problems/{slug}", reply.json


@needs_nginx
def test_redirects_are_checked(server, web, served):
    """A server that may be asked sends on to one that may not."""
    trap = Trap("127.0.0.2")
    targets = [f"http://127.0.0.2:{trap.port}/x", f"//127.0.0.2:{trap.port}/x",
               f"http://localhost:{trap.port}/x",
               f"http://[::ffff:127.0.0.2]:{trap.port}/x",
               f"http://u:p@127.0.0.2:{trap.port}/x",
               f"http://2130706434:{trap.port}/x", "file:///etc/passwd",
               "gopher://127.0.0.2/x", "http://169.254.169.254/latest/"]
    for target in targets:
        for status in (301, 302, 303, 307, 308):
            def faults(n, path):
                return ("status", status, {"Location": target})

            with Flaky(web.http, faults) as proxy:
                reply = submit(server, checkpoint=proxy.url("x"))
            slug = reply.json["type"].rsplit("/", 1)[1]
            assert slug in REFUSALS, (target, reply.json)
    assert trap.hits == 0


@needs_nginx
def test_https_is_not_left(server, web, served, tmp_path):
    (tmp_path / "service").mkdir()
    more = "location /to { return 302 http://127.0.0.1:%d/runs$1; }" % web.http
    with Web(served, tmp_path / "nginx", more) as https:
        ca = https.ca
        with serving(tmp_path / "service", "--source-schemes", "https http",
                     "--source-ports", "1-65535", "--source-exceptions",
                     "127.0.0.1", "--ca-file", ca) as server:
            before = len(web.log())
            reply = submit(server,
                           checkpoint=f"https://127.0.0.1:{https.https}/to")
            assert reply.json["type"] == "/problems/url-not-allowed"
            assert "plain http" in reply.json["detail"]
            assert len(web.log()) == before


@needs_nginx
def test_traces_go_on(server, web):
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    with Flaky(web.http) as proxy:
        reply = submit(server, checkpoint=proxy.url("runs/checkpoint_500100"),
                       headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-01"})
        assert finished(server, reply.json)["state"] == "succeeded"
        sent = {h["traceparent"] for _, h in proxy.seen[-50:]}
    assert sent and all(t.split("-")[1] == trace for t in sent)
    assert all("00f067aa0ba902b7" not in t for t in sent)


@needs_nginx
def test_a_cancelled_job_stops_fetching(server, web):
    def faults(n, path):
        return ("stall", 0) if "target." in path else None

    with Flaky(web.http, faults) as proxy:
        reply = submit(server, checkpoint=proxy.url("runs/checkpoint_500100"))
        deadline = time.monotonic() + 10
        while not any("target." in p for p, _ in proxy.seen):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        start = time.monotonic()
        ask(server, "DELETE", f"/v1/conversions/{reply.json['id']}")
        assert finished(server, reply.json)["state"] == "cancelled"
        assert time.monotonic() - start < 8
