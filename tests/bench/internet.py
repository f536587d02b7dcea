"""Simulates the Internet on 127.0.0.1: an HTTPS proxy that answers requests to every host itself.

Processes that use the proxy and trust its CA reach the Git repository of the lab, OCI registries and Helm
repositories under the URLs in the generated files.
"""

import hashlib
import http.server
import io
import json
import os
import pathlib
import re
import socketserver
import ssl
import subprocess
import tarfile
import threading

import yaml

MANIFEST = "application/vnd.oci.image.manifest.v1+json"


class Certificates:
    """A CA that only the processes of the bench trust."""

    def __init__(self, folder):
        self.folder, self.contexts, self.lock = folder, {}, threading.Lock()
        self.ca, self.key = folder / "ca.pem", folder / "host.key"
        folder.mkdir(parents=True)
        self._openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "7", "-subj", "/CN=bench", "-addext",
                      "basicConstraints=critical,CA:TRUE", "-keyout", folder / "ca.key", "-out", self.ca)
        self._openssl("genrsa", "-out", self.key, "2048")

    def _openssl(self, *arguments):
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)

    def issue(self, name, addresses):
        """Issues a certificate for names and addresses, and returns the path of its file."""
        base = self.folder / name
        pathlib.Path(f"{base}.ext").write_text(f"subjectAltName={addresses}\n")
        self._openssl("req", "-new", "-key", self.key, "-subj", f"/CN={name}"[:60], "-out", f"{base}.csr")
        self._openssl("x509", "-req", "-in", f"{base}.csr", "-CA", self.ca, "-CAkey", self.folder / "ca.key",
                      "-CAcreateserial", "-days", "7", "-extfile", f"{base}.ext", "-out", f"{base}.pem")
        return pathlib.Path(f"{base}.pem")

    def service_account_keys(self):
        private, public = self.folder / "sa.key", self.folder / "sa.pub"
        self._openssl("genrsa", "-out", private, "2048")
        self._openssl("rsa", "-in", private, "-pubout", "-out", public)
        return private, public

    def context(self, host):
        with self.lock:
            if host not in self.contexts:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(self.issue(host, f"DNS:{host}"), self.key)
                self.contexts[host] = context
            return self.contexts[host]


class Internet:
    """The contents of all hosts: files by `HOST/PATH`, and bare Git repositories in a folder."""

    def __init__(self, certificates, repositories):
        self.certificates, self.repositories = certificates, repositories
        self.files, self.tags, self.missing = {}, {}, set()
        internet = self

        class Connection(socketserver.StreamRequestHandler):
            def handle(self):
                internet.connect(self)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads, request_queue_size = True, 64

        self.server = Server(("127.0.0.1", 0), Connection)
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def connect(self, connection):
        request = re.match(rb"CONNECT ([^: ]+):\d+ ", connection.rfile.readline())
        while connection.rfile.readline() not in (b"\r\n", b"\n", b""):
            pass
        if not request:
            connection.wfile.write(b"HTTP/1.1 400 only CONNECT\r\n\r\n")
            return
        host = request[1].decode()
        connection.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
        connection.wfile.flush()
        try:
            with self.certificates.context(host).wrap_socket(connection.connection, server_side=True) as tls:
                type("Host", (Request,), {"host": host, "internet": self})(tls, connection.client_address, self.server)
        except (OSError, ValueError):
            pass  # The client disconnected.

    # Publishing.

    def blob(self, repository, data):
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        host, _, name = repository.partition("/")
        self.files[f"{host}/v2/{name}/blobs/{digest}"] = data
        return {"digest": digest, "size": len(data)}

    def manifest(self, repository, tag, config, layers):
        body = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers}).encode()
        host, _, name = repository.partition("/")
        for reference in (tag, "sha256:" + hashlib.sha256(body).hexdigest()):
            self.files[f"{host}/v2/{name}/manifests/{reference}"] = body
        self.tags.setdefault(repository, set()).add(tag)

    def image(self, repository, tag):
        """Publishes an image that has a tag but no content."""
        config = self.blob(repository, b'{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}')
        self.manifest(repository, tag, {"mediaType": "application/vnd.oci.image.config.v1+json", **config}, [])

    def oci_chart(self, repository, tag, chart):
        """Publishes a chart as the version that the tag names."""
        metadata = {**yaml.safe_load((chart / "Chart.yaml").read_text()), "version": tag}
        config = {"mediaType": "application/vnd.cncf.helm.config.v1+json", **self.blob(repository, json.dumps(metadata).encode())}
        layer = {"mediaType": "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
                 **self.blob(repository, archive_of(chart, metadata))}
        self.manifest(repository, tag, config, [layer])

    def http_chart(self, url, chart):
        host_and_path = url.removeprefix("https://").rstrip("/")
        metadata = yaml.safe_load((chart / "Chart.yaml").read_text())
        data = archive_of(chart, metadata)
        name = f"{metadata['name']}-{metadata['version']}.tgz"
        index = yaml.safe_load(self.files.get(f"{host_and_path}/index.yaml", b"{apiVersion: v1, entries: {}}"))
        index["entries"][metadata["name"]] = [{**metadata, "urls": [name], "digest": hashlib.sha256(data).hexdigest()}]
        self.files[f"{host_and_path}/{name}"] = data
        self.files[f"{host_and_path}/index.yaml"] = yaml.safe_dump(index).encode()


def archive_of(chart, metadata):
    """Returns a chart as an archive, with other metadata."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz", compresslevel=1) as tar:
        tar.add(chart, arcname=chart.name, filter=lambda file: None if file.name == f"{chart.name}/Chart.yaml" else file)
        text = yaml.safe_dump(metadata).encode()
        file = tarfile.TarInfo(f"{chart.name}/Chart.yaml")
        file.size = len(text)
        tar.addfile(file, io.BytesIO(text))
    return archive.getvalue()


class Request(http.server.BaseHTTPRequestHandler):
    """A request to one of the hosts."""

    protocol_version = "HTTP/1.1"
    host, internet = "", None

    def log_message(self, *_):
        pass

    def body(self):
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def reply(self, status, headers, data):
        self.send_response(status)
        for key, value in headers:
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def serve(self):
        data, path = self.body(), self.path.split("?")[0]
        name = path.strip("/").split("/info/refs")[0].split("/git-")[0].removesuffix(".git")
        if (self.internet.repositories / self.host / f"{name}.git").is_dir():
            return self.git(data)
        if path.rstrip("/") == "/v2":
            return self.reply(200, [], b"{}")
        if path.startswith("/v2/") and path.endswith("/tags/list"):
            tags = self.internet.tags.get(f"{self.host}/{path[4:-10]}")
            if tags:
                return self.reply(200, [("Content-Type", "application/json")],
                                  json.dumps({"name": path[4:-10], "tags": sorted(tags)}).encode())
        found = self.internet.files.get(self.host + path)
        if found is None:
            self.internet.missing.add(f"{self.host}{path}")
            return self.reply(404, [("Content-Type", "application/json")], b'{"errors":[{"code":"NAME_UNKNOWN"}]}')
        headers = [("Content-Type", MANIFEST if "/manifests/" in path else "application/octet-stream")]
        if path.startswith("/v2/"):
            headers.append(("Docker-Content-Digest", "sha256:" + hashlib.sha256(found).hexdigest()))
        return self.reply(200, headers, found)

    do_GET = do_HEAD = do_POST = do_PUT = serve

    def git(self, data):
        path, _, query = self.path.partition("?")
        project = "/".join(["", *path.strip("/").split("/")])
        if ".git/" not in project:
            project = re.sub(r"/(info/refs|git-[a-z-]+)$", r".git/\1", project)
        environment = {"PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": str(self.internet.repositories / self.host),
                       "GIT_HTTP_EXPORT_ALL": "1", "PATH_INFO": project, "QUERY_STRING": query,
                       "REQUEST_METHOD": self.command, "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                       "CONTENT_LENGTH": str(len(data)), "REMOTE_USER": "flux", "REMOTE_ADDR": "127.0.0.1",
                       "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                       "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", "")}
        output = subprocess.run(["git", "http-backend"], input=data, env=environment, stdout=subprocess.PIPE).stdout
        head, _, rest = output.partition(b"\r\n\r\n")
        headers, status = [], 200
        for line in head.decode().split("\r\n"):
            key, _, value = line.partition(": ")
            if key == "Status":
                status = int(value.split()[0])
            elif key:
                headers.append((key, value))
        self.reply(status, headers, rest)
