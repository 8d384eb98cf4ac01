"""The service's edge: tokens, origins, rates, settings, metrics, signals."""
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time

import pytest
from conftest import PROGRAM, TESTS
from test_service import Server, serving, soon

READ, CONVERT, ADMIN = "r" * 20, "c" * 20, "a" * 20


@pytest.fixture(scope="module")
def tokens(tmp_path_factory):
    path = tmp_path_factory.mktemp("tokens") / "tokens"
    path.write_text(f"read {READ} bob\nconvert {CONVERT}\nadmin {ADMIN}\n")
    path.chmod(0o600)
    return path


@pytest.fixture(scope="module")
def guarded(tmp_path_factory, tokens):
    with serving(tmp_path_factory.mktemp("guarded"), "--token-file", tokens,
                 "--cors-origins", "https://dash.example") as server:
        yield server


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize("method, path, token, status", [
    ("GET", "/livez", None, 200),
    ("GET", "/readyz", None, 200),
    ("GET", "/openapi.yaml", None, 200),
    ("GET", "/metrics", None, 401),
    ("GET", "/metrics", "wrong" * 5, 401),
    ("GET", "/metrics", READ, 200),
    ("GET", "/metrics", CONVERT, 200),
    ("GET", "/metrics", ADMIN, 200),
    ("POST", "/v1/convert", None, 401),
    ("POST", "/v1/convert", READ, 403),
    ("POST", "/v1/convert", CONVERT, 400),  # let in; the body is empty
    ("POST", "/v1/inspect", ADMIN, 400),
    ("OPTIONS", "/v1/convert", None, 204),
])
def test_roles(guarded, method, path, token, status):
    reply = guarded.request(method, path, **(bearer(token) if token else {}))
    assert reply.status == status, reply.data
    challenge = reply.headers.get("WWW-Authenticate")
    assert (challenge or "").startswith("Bearer") == (status == 401)
    if status in (401, 403):
        problem = json.loads(reply.data)
        assert problem["type"] == ("/problems/unauthorized" if status == 401
                                   else "/problems/forbidden")


def test_token_is_in_no_log(guarded):
    guarded.request("GET", "/metrics", **bearer(READ))
    guarded.request("GET", "/metrics", **bearer("secret" * 5))
    assert soon(lambda: "bob" in guarded.log_path.read_text())
    log = guarded.log_path.read_text()
    assert READ not in log and "secret" * 5 not in log


def test_cors(guarded):
    ask = {"Origin": "https://dash.example",
           "Access-Control-Request-Method": "POST"}
    reply = guarded.request("OPTIONS", "/v1/convert", **ask)
    assert reply.status == 204
    assert reply.headers["Access-Control-Allow-Origin"] == ask["Origin"]
    assert "POST" in reply.headers["Access-Control-Allow-Methods"]
    assert "Authorization" in reply.headers["Access-Control-Allow-Headers"]
    assert reply.headers["Vary"] == "Origin"
    reply = guarded.request("OPTIONS", "/v1/convert",
                            **{**ask, "Origin": "https://evil.example"})
    assert "Access-Control-Allow-Origin" not in reply.headers
    reply = guarded.request("GET", "/metrics", Origin="https://dash.example",
                            **bearer(READ))
    assert reply.headers["Access-Control-Allow-Origin"] == ask["Origin"]
    assert "X-Request-Id" in reply.headers["Access-Control-Expose-Headers"]


def test_pages_of_others_are_refused(tmp_path):
    """Without tokens, a browser's page of another origin changes nothing."""
    with serving(tmp_path) as server:
        reply = server.request("POST", "/v1/convert",
                               Origin="https://evil.example")
        assert reply.status == 403
        reply = server.request("GET", "/metrics", Host="evil.example")
        assert reply.status == 403
        assert server.request("GET", "/metrics").status == 200


def test_rate(tmp_path):
    with serving(tmp_path, "--client-rate", 5) as server:
        replies = [server.request("GET", "/metrics") for _ in range(20)]
        refused = [r for r in replies if r.status == 429]
        assert 5 <= len(refused) < 15
        assert int(refused[0].headers["Retry-After"]) >= 1
        assert json.loads(refused[0].data)["type"] == "/problems/rate-limited"
        assert server.request("GET", "/livez").status == 200  # probes are free


def test_open_to_all_wants_tokens(tmp_path):
    done = subprocess.run([PROGRAM, "serve", "--listen", "0.0.0.0:0", "--data",
                           tmp_path / "data"], capture_output=True, text=True,
                          timeout=30)
    assert done.returncode == 2
    assert "token" in done.stderr
    assert not (tmp_path / "data").exists()


def test_reload(tmp_path, tokens):
    """SIGHUP takes a changed token file; a broken one changes nothing."""
    file = tmp_path / "tokens"
    file.write_text(f"read {READ}\n")
    file.chmod(0o600)
    with serving(tmp_path, "--token-file", file) as server:
        def status(token):
            return server.request("GET", "/metrics", **bearer(token)).status
        assert (status(READ), status(ADMIN)) == (200, 401)
        file.write_text(f"admin {ADMIN}\n")
        server.process.send_signal(signal.SIGHUP)
        assert soon(lambda: (status(READ), status(ADMIN)) == (401, 200))
        file.write_text("nonsense\n")
        server.process.send_signal(signal.SIGHUP)
        assert soon(lambda: "stay as they were" in server.log_path.read_text())
        assert status(ADMIN) == 200


def test_settings_by_environment_and_file(tmp_path):
    settings = tmp_path / "settings"
    settings.write_text("log-format = json\nmax-body = 2KiB\n")
    os.environ["SWITCHYARD_CONFIG_FILE"] = str(settings)
    os.environ["SWITCHYARD_MAX_BODY"] = "4KiB"
    try:
        with serving(tmp_path) as server:
            reply = server.request("POST", "/v1/convert", b"x" * 5000)
            assert reply.status == 413
            assert json.loads(reply.data)["expected"] == "at most 4096 bytes"
            assert soon(lambda: "/v1/convert" in server.log_path.read_text())
            lines = server.log_path.read_text().splitlines()
    finally:
        del os.environ["SWITCHYARD_CONFIG_FILE"]
        del os.environ["SWITCHYARD_MAX_BODY"]
    assert any(json.loads(line)["path"] == "/v1/convert"
               for line in lines if "path" in json.loads(line))


def test_metrics(tmp_path):
    parser = pytest.importorskip("prometheus_client.parser")
    with serving(tmp_path) as server:
        server.request("GET", "/livez")
        server.request("GET", "/nothing/at/all")
        server.request("POST", "/v1/convert", b"not an archive")

        def families():
            text = server.request("GET", "/metrics").data.decode()
            return {f.name: f for f in
                    parser.text_string_to_metric_families(text)}

        def count(**labels):
            return sum(s.value for s in
                       families()["http_server_request_duration_seconds"].samples
                       if s.name.endswith("_count") and
                       labels.items() <= s.labels.items())

        assert soon(lambda: count(route="/v1/convert", code="4xx") == 1)
        assert count(route="none", code="4xx") == 1
        assert count(route="/livez", method="GET", code="2xx") == 1
        names = families()
        assert names["switchyard_jobs"].type == "gauge"
        assert names["switchyard_build_info"].samples[0].labels["version"]
        assert names["switchyard_disk_free_bytes"].samples[0].value > 0


@pytest.mark.memory
def test_idle_memory_and_start(tmp_path):
    """A server that nobody asks anything is small, and there at once."""
    seconds = []
    for _ in range(5):
        began = time.monotonic()
        server = Server(tmp_path / "data")
        ready = server.request("GET", "/readyz").status
        seconds.append(time.monotonic() - began)
        status = open(f"/proc/{server.process.pid}/status").read()
        resident = next(int(line.split()[1]) for line in status.splitlines()
                        if line.startswith("VmRSS"))
        assert server.stop() == 0
        assert ready == 200
    # About 15 ms; the least of several, since machines are busy.
    assert min(seconds) < 0.05, seconds
    assert resident < 16 << 10, f"{resident} kB"


TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.mark.parametrize("header, kept", [
    (f"00-{TRACE}-b7ad6b7169203331-01", True),
    (f"00-{TRACE}-b7ad6b7169203331-01-more", False),
    (f"00-{'0' * 32}-b7ad6b7169203331-01", False),
    (f"00-{TRACE.upper()}-b7ad6b7169203331-01", False),
    (f"cc-{TRACE}-b7ad6b7169203331-01-what-the-future-brings", True),
    ("\"}{", False),
    (None, False),
])
def test_trace(guarded, header, kept):
    """A caller's trace goes on, in the problem and in the log."""
    headers = {"traceparent": header} if header else {}
    reply = guarded.request("GET", "/nothing", **headers)
    trace = json.loads(reply.data)["trace_id"]
    assert len(trace) == 32 and int(trace, 16)
    assert (trace == TRACE) == kept
    request = reply.headers["X-Request-Id"]
    assert soon(lambda: any(f"trace={trace}" in line and request in line
                            for line in guarded.log().splitlines()))


@pytest.mark.parametrize("path, accept, status", [
    ("/metrics", "text/plain;version=0.0.4;q=0.5, */*;q=0.1", 200),
    ("/metrics", "application/json", 406),
    ("/openapi.yaml", "application/json", 406),
    ("/openapi.json", "application/json", 200),
    ("/openapi.json", "application/json;q=0, */*", 406),
    ("/readyz", "image/png", 406),
    ("/livez", "image/png", 200),
    ("/v1/uploads", "text/html, */*;q=0.8", 200),
    ("/v1/uploads", "text/html", 406),
])
def test_accept(guarded, path, accept, status):
    reply = guarded.request("GET", path, Accept=accept, **bearer(READ))
    assert reply.status == status, reply.data
    if status == 406:
        problem = json.loads(reply.data)
        assert problem["type"] == "/problems/not-acceptable"
        assert "/" in problem["expected"]


def test_accept_is_checked_before_the_body(guarded):
    reply = guarded.request("POST", "/v1/inspect", b"x" * 100,
                            Accept="text/html", **bearer(CONVERT))
    assert reply.status == 406
    assert json.loads(reply.data)["expected"] == "application/json"


def test_description(guarded):
    yaml = pytest.importorskip("yaml")
    document = json.loads(guarded.request("GET", "/openapi.json").data)
    assert document == yaml.safe_load(
        guarded.request("GET", "/openapi.yaml").data)


def test_problems(guarded):
    """Every type of problem can be looked up, and says more than its title."""
    source = (TESTS.parent / "src/base/error.h").read_text()
    known = re.findall(r'X\(ERR_\w+, \w+, (\d+),\s+"([^"]+)"',
                       source.replace("\\\n", " "))
    assert len(known) > 40
    for status, slug in known:
        reply = guarded.request("GET", f"/problems/{slug}")
        assert reply.status == 200, slug
        told = json.loads(reply.data)
        assert told["type"] == f"/problems/{slug}"
        assert told["status"] == int(status)
        assert told["title"] != told["meaning"], slug
        page = guarded.request("GET", f"/problems/{slug}",
                               Accept="text/html,*/*;q=0.8")
        assert page.headers["Content-Type"] == "text/html; charset=utf-8"
        assert f"<h1>{told['title']}</h1>" in page.data.decode()
        page = guarded.request("GET", f"/problems/{slug}", Accept="text/plain")
        assert page.data.decode().startswith(f"{told['title']}\n\n")
    for slug in ("ok", "nonsense", "busy%00", "a" * 300):
        assert guarded.request("GET", f"/problems/{slug}").status == 404, slug


def test_readiness(tmp_path):
    with serving(tmp_path) as server:
        reply = server.request("GET", "/readyz")
        assert (reply.status, reply.data) == (200, b"ok\n")
        for path, accept in (("/readyz?verbose", "*/*"),
                             ("/readyz?verbose=1", "text/plain"),
                             ("/readyz", "application/json")):
            reply = server.request("GET", path, Accept=accept)
            assert reply.status == 200
            report = json.loads(reply.data)
            assert report["ready"]
            assert [c["name"] for c in report["checks"] if c["ok"]] == [
                "running", "database", "disk", "queue"]


def test_not_ready(tmp_path):
    """It says why, and what is well all the same."""
    with serving(tmp_path, "--min-free", "9999TiB") as server:
        reply = server.request("GET", "/readyz")
        assert reply.status == 503
        assert int(reply.headers["Retry-After"]) >= 1
        problem = json.loads(reply.data)
        assert problem["type"] == "/problems/busy"
        reply = server.request("GET", "/readyz?verbose")
        assert reply.status == 503
        report = json.loads(reply.data)
        assert not report["ready"]
        assert [c["name"] for c in report["checks"] if not c["ok"]] == ["disk"]
        assert report["checks"][2]["detail"] == problem["detail"]


def health(*args, **environment):
    return subprocess.run([PROGRAM, "health", *args], capture_output=True,
                          text=True, timeout=30,
                          env={**os.environ, **environment})


def test_health(guarded):
    """It needs no token, and finds the address where serve does."""
    done = health("--listen", f"127.0.0.1:{guarded.port}")
    assert (done.returncode, done.stdout) == (0, "ready\n"), done.stderr
    for listen in (f"0.0.0.0:{guarded.port}", f"localhost:{guarded.port}"):
        assert health(SWITCHYARD_LISTEN=listen).returncode == 0


def test_health_of_everywhere(tmp_path):
    """Where serve listens on every address, loopback is asked."""
    everywhere = [PROGRAM, "serve", "--listen", "*:0", "--no-auth", "--data"]
    with subprocess.Popen([*everywhere, tmp_path / "data"], text=True,
                          stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL) as server:
        port = server.stdout.readline().rpartition(":")[2].strip()
        done = health("--listen", f"*:{port}")
        server.terminate()
    assert (done.returncode, done.stdout) == (0, "ready\n"), done.stderr


def test_no_health(tmp_path):
    with serving(tmp_path, "--min-free", "9999TiB") as server:
        done = health("--listen", f"127.0.0.1:{server.port}")
    assert done.returncode == 1
    assert "not ready: " in done.stderr and "status 503" in done.stderr
    done = health("--listen", f"127.0.0.1:{server.port}")  # it is gone
    assert done.returncode == 1
    assert "nothing answers on 127.0.0.1:" in done.stderr
    assert health("--listen", "nowhere").returncode == 2


@pytest.mark.parametrize("answer, said", [
    (b"", "no HTTP service"),
    (b"SSH-2.0-OpenSSH\r\n", "no HTTP service"),
    (b"HTTP/1.1 500 x\r\n\r\nnot JSON", "no reason"),
    (b"HTTP/1.1 503 x\r\n\r\n[1]", "no reason"),
    (b"HTTP/1.1 503 x\r\n\r\n{\"detail\": \"tired\"}", "not ready: tired"),
    (b"x" * (1 << 20), ""),
])
def test_health_of_strangers(answer, said):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(20)

        def reply():
            connection, _ = listener.accept()
            with connection, contextlib.suppress(OSError):
                connection.recv(1000)
                connection.sendall(answer)

        thread = threading.Thread(target=reply)
        thread.start()
        done = health("--listen", "127.0.0.1:%d" % listener.getsockname()[1])
        thread.join()
    assert done.returncode not in (0, 2)
    assert said in done.stderr


def seconds_until_cut(server, head, piece=b""):
    """How long a client that sends piece after piece keeps its connection."""
    began = time.monotonic()
    with server.socket(head) as connection:
        connection.settimeout(0.2)
        while time.monotonic() - began < 20:
            with contextlib.suppress(TimeoutError):
                if not connection.recv(100):
                    break
            try:
                connection.sendall(piece)
            except OSError:
                break
    return time.monotonic() - began


UPLOAD = (b"POST /v1/convert HTTP/1.1\r\nHost: localhost\r\n"
          b"Content-Length: 1000000\r\n\r\n")


def test_request_time(tmp_path):
    """However busy a request is, it ends; other requests never notice."""
    with serving(tmp_path, "--request-time", "2s") as server:
        assert 1.5 < seconds_until_cut(server, UPLOAD, b"x") < 10
        assert server.request("GET", "/livez").status == 200


def test_idle_time(tmp_path):
    with serving(tmp_path, "--idle-time", "2s") as server:
        assert 1.5 < seconds_until_cut(server, UPLOAD) < 10
        assert 1.5 < seconds_until_cut(server, b"GET / HT") < 10
        assert seconds_until_cut(server, UPLOAD, b"x") > 15


def test_connections_of_one_client(tmp_path):
    with serving(tmp_path, "--client-connections", 3) as server:
        held = [server.socket() for _ in range(3)]
        time.sleep(0.5)  # until the server has them all
        with pytest.raises(OSError):
            server.request("GET", "/livez")
        for connection in held:
            connection.close()

        def answers():
            with contextlib.suppress(OSError):
                return server.request("GET", "/livez").status == 200

        assert soon(answers)


def test_size_of_head(guarded):
    """Up to a limit it does not matter, beyond it there is a problem."""
    for method, path, size, status in (
            ("GET", "/livez", 15_000, 200),
            ("GET", "/livez", 20_000, 431),
            ("POST", "/v1/convert", 20_000, 431),
            ("OPTIONS", "/v1/convert", 20_000, 431),
    ):
        reply = guarded.request(method, path, Cookie="x" * size)
        assert reply.status == status
        if status == 431:
            problem = json.loads(reply.data)
            assert problem["type"] == "/problems/head-too-large"
            assert problem["expected"] == "at most 16384 bytes"
    assert guarded.request("GET", "/livez?" + "x" * 20_000).status == 431
    with guarded.socket(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nA: "
                        + b"x" * 1_000_000 + b"\r\n\r\n") as connection:
        with contextlib.suppress(ConnectionError):
            assert connection.recv(100).startswith(b"HTTP/1.1 431 ")


def test_read_only_root(tmp_path):
    """As in a container: nothing but the data folder can be written to."""
    data = tmp_path / "data"
    data.mkdir()
    script = f"""
        mount --bind '{data}' '{data}' && mount -o remount,bind,ro / || exit 77
        touch '{tmp_path}/x' 2>/dev/null && exit 78
        exec setpriv --no-new-privs --inh-caps=-all --bounding-set=-all "$@"
    """
    confined = ["unshare", "--user", "--map-root-user", "--mount",
                "sh", "-c", script, "sh"]
    try:
        done = subprocess.run([*confined, PROGRAM, "--version"], timeout=30,
                              capture_output=True)
    except FileNotFoundError:
        pytest.skip("no unshare here")
    assert done.returncode != 78, "the root can be written to"
    if done.returncode:
        pytest.skip(f"no mounts here: {done.stderr}")
    server = Server(data, before=confined)
    try:
        sample = (TESTS / "sample/switch-tiny.tar.gz").read_bytes()
        assert health("--listen", f"127.0.0.1:{server.port}").returncode == 0
        reply = server.request("POST", "/v1/convert", sample)
        assert reply.status == 200, reply.data
        reply = server.request("PUT", "/v1/uploads/abcdefghijklmnop/files/a",
                               sample)
        assert reply.status == 201, reply.data
    finally:
        assert server.stop() == 0
