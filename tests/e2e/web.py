"""nginx over a folder, by http and https, with a certificate authority of its
own: web servers as people have them.

    with Web(folder, scratch) as web:
        web.http, web.https     ports on 127.0.0.1
        web.ca                  the file for --ca-file
"""
import os
import shutil
import socket
import subprocess
import time

NGINX = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")

CONFIG = """
daemon off;
pid {scratch}/nginx.pid;
error_log {scratch}/error.log;
worker_processes 1;
events {{ worker_connections 512; }}
http {{
    access_log {scratch}/access.log;
    client_body_temp_path {scratch}/body;
    proxy_temp_path {scratch}/proxy;
    fastcgi_temp_path {scratch}/fastcgi;
    uwsgi_temp_path {scratch}/uwsgi;
    scgi_temp_path {scratch}/scgi;
    server {{
        listen 127.0.0.1:{http};
        listen 127.0.0.1:{https} ssl http2;
        ssl_certificate {scratch}/server.pem;
        ssl_certificate_key {scratch}/server.key;
        root {folder};
        {more}
    }}
}}
"""


def free_ports(n):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(n)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def openssl(*args):
    subprocess.run(["openssl", *map(str, args)], check=True,
                   capture_output=True)


def make_certificates(scratch):
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt",
            "ec_paramgen_curve:prime256v1", "-nodes", "-days", 2, "-subj",
            "/CN=a test's authority", "-keyout", scratch / "ca.key", "-out",
            scratch / "ca.pem")
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
            "-nodes", "-subj", "/CN=localhost", "-keyout",
            scratch / "server.key", "-out", scratch / "server.csr")
    (scratch / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1")
    openssl("x509", "-req", "-in", scratch / "server.csr", "-CA",
            scratch / "ca.pem", "-CAkey", scratch / "ca.key",
            "-CAcreateserial", "-days", 2, "-extfile", scratch / "names",
            "-out", scratch / "server.pem")


class Web:
    def __init__(self, folder, scratch, more=""):
        self.folder, self.scratch, self.more = folder, scratch, more

    def __enter__(self):
        self.scratch.mkdir(exist_ok=True)
        make_certificates(self.scratch)
        self.ca = self.scratch / "ca.pem"
        self.http, self.https = free_ports(2)
        user = "user root;\n" if os.geteuid() == 0 else ""
        (self.scratch / "nginx.conf").write_text(user + CONFIG.format(
            scratch=self.scratch, folder=self.folder, http=self.http,
            https=self.https, more=self.more))
        self.process = subprocess.Popen(
            [NGINX, "-p", self.scratch, "-c", self.scratch / "nginx.conf"],
            stderr=subprocess.DEVNULL)
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", self.https)).close()
                return self
            except ConnectionRefusedError:
                assert self.process.poll() is None
                time.sleep(0.05)
        raise TimeoutError("nginx does not start")

    def __exit__(self, *exc):
        self.process.terminate()
        self.process.wait(10)

    def log(self):
        """What was asked for: a list of request lines with status."""
        return (self.scratch / "access.log").read_text().splitlines()
