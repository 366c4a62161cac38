"""A server on the loopback interface that answers as BBC Sound Effects does, and misbehaves on request."""

import json
import threading
import time
from collections import defaultdict
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from urllib.parse import urlsplit

SEARCH = "/api/sfx/search"

# `recordings.downloads` of the config, without long waits.
MANNERS = {
    "connections": 2,
    "rate": 1000,
    "attempts": 3,
    "backoff": [0.001, 0.01],
    "retry_after": 5,
    "timeouts": [5, 5],
    "slowest": [1, 5],
    "give_up": 100,
    "hosts": [],
}


class Asked(NamedTuple):
    """A request that came in."""

    method: str
    path: str
    headers: dict
    content: dict | None
    time: float  # s


class Server(ThreadingHTTPServer):
    """Serves `media`, {path: bytes}, and searches `entries`, with `faults`, {path: [function of the handler]}.

    Each request uses up the first fault of its path, and the last one stays. None stands for a good answer.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.media, self.entries, self.faults, self.asked = {}, [], defaultdict(list), []
        self.marks = defaultdict(lambda: '"first"')  # ETag of each path, None for none
        self.busy, self.busiest, self.lock = 0, 0, threading.Lock()
        self.closing = threading.Event()
        self.address = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def close(self):
        self.closing.set()
        self.shutdown()
        self.server_close()

    def add(self, name, content, *first, always=None):
        """Serve a file; returns its address. first: faults of its first requests; always: of later ones, or None."""
        path = f"/{name.rpartition('.')[2]}/{name}"
        self.media[path] = content
        self.faults[path] = [*first, always]
        return self.address + path

    def gets(self, name):
        """The requests that came in for a file."""
        return [asked for asked in self.asked if asked.path.endswith(f"/{name}")]

    def handle_error(self, request, client_address):
        """Print nothing when the other side hangs up."""


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *args):
        pass

    def do_GET(self):
        self.answer(None)

    def do_POST(self):
        self.answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def answer(self, content):
        self.site_path, self.content = urlsplit(self.path).path, content
        with self.server.lock:
            asked = Asked(self.command, self.site_path, dict(self.headers), content, time.monotonic())
            self.server.asked.append(asked)
            faults = self.server.faults[self.site_path]
            fault = faults.pop(0) if len(faults) > 1 else next(iter(faults), None)
            self.server.busy += 1
            self.server.busiest = max(self.server.busiest, self.server.busy)
        try:
            (fault or Handler.serve)(self)
        finally:
            with self.server.lock:
                self.server.busy -= 1

    def begin(self, status, length, **headers):
        """Send the head of an answer; header names with _ for -."""
        self.send_response(status)
        if length is not None:
            self.send_header("Content-Length", str(length))
        else:
            self.close_connection = True
        for name, value in headers.items():
            if value is not None:
                self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def send(self, status, body, **headers):
        self.begin(status, len(body), **headers)
        self.wfile.write(body)

    def serve(self):
        """Answer as a well-behaved server does."""
        if self.command == "POST":
            self.send(200, json.dumps(self.page()).encode(), Content_Type="application/json")
        elif self.site_path not in self.server.media:
            self.send(404, b"<html>no such file</html>", Content_Type="text/html")
        else:
            status, body, headers = self.part()
            self.send(status, body, **headers)

    def page(self):
        """The answer to a search."""
        criteria = self.content["criteria"]
        wanted, words = set(criteria["categories"]), (criteria["query"] or "").lower()
        found = [e for e in self.server.entries if wanted & {c["className"] for c in e["categories"]}]
        found = [e for e in found if words in e["description"].lower()] if words else found
        first, size = criteria["from"], criteria["size"]
        assert first + size <= 10_000
        return {"total": len(found), "results": found[first : first + size]}

    def part(self):
        """The file, or the requested range of it: (status, body, headers)."""
        body, mark = self.server.media[self.site_path], self.server.marks[self.site_path]
        headers = {"Content_Type": "audio/x-wav", "ETag": mark, "Accept_Ranges": "bytes"}
        asked = self.headers.get("Range")
        if not asked or self.headers.get("If-Range", mark) != mark:
            return 200, body, headers
        first = int(asked.removeprefix("bytes=").removesuffix("-"))
        if first >= len(body):
            return 416, b"", headers | {"Content_Range": f"bytes */{len(body)}"}
        return 206, body[first:], headers | {"Content_Range": f"bytes {first}-{len(body) - 1}/{len(body)}"}


# ---- faults: functions that make a fault -----------------------------------------------------------------------------


def cut(share):
    """Hang up after this share of the body."""

    def fault(handler):
        status, body, headers = handler.part()
        handler.begin(status, len(body), **headers)
        handler.wfile.write(body[: int(share * len(body))])
        handler.close_connection = True

    return fault


def status(code, body=b"", **headers):
    """Answer with a status, and nothing else."""
    return lambda handler: handler.send(code, body, **headers)


def retry_after_date(code, seconds):
    """Answer with a status, and ask to wait until a date."""
    return lambda handler: handler.send(code, b"", Retry_After=formatdate(time.time() + seconds, usegmt=True))


def hang_up(handler):
    """Hang up without an answer."""
    handler.close_connection = True


def silence(seconds):
    """Answer nothing for a while."""

    def fault(handler):
        handler.server.closing.wait(seconds)
        handler.close_connection = True

    return fault


def drip(seconds):
    """Send one byte at a time, with pauses."""

    def fault(handler):
        status, body, headers = handler.part()
        handler.begin(status, len(body), **headers)
        for byte in body:
            handler.wfile.write(bytes([byte]))
            if handler.server.closing.wait(seconds):
                return

    return fault


def drip_head(seconds):
    """Send an endless head, one byte at a time, with pauses."""

    def fault(handler):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: audio/x-wav\r\nX-More: ")
        while not handler.server.closing.wait(seconds):
            handler.wfile.write(b"x")

    return fault


def half_head(handler):
    """Hang up before the length."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: audio/x-wav\r\n")
    handler.close_connection = True


def short_range(handler):
    """Send the first part of the requested range, and say so."""
    _, body, headers = handler.part()
    first = int(handler.headers["Range"].removeprefix("bytes=").removesuffix("-"))
    headers["Content_Range"] = f"bytes {first}-{first + 999}/{first + len(body)}"
    handler.send(206, body[:1000], **headers)


def range_of_unknown_total(handler):
    """Send the first part of the requested range, without the size of the file."""
    _, body, headers = handler.part()
    headers["Content_Range"] = headers["Content_Range"].partition("/")[0] + "/*"
    handler.send(206, body[:1000], **headers)


def cut_range(handler):
    """Send the first part of the requested range, and say that it is the whole range."""
    _, body, headers = handler.part()
    handler.send(206, body[:1000], **headers)


def whole(handler):
    """Send the whole file in spite of a requested range."""
    body = handler.server.media[handler.site_path]
    handler.send(200, body, Content_Type="audio/x-wav", ETag=handler.server.marks[handler.site_path])


def shifted_range(handler):
    """Send another range than the requested one."""
    body = handler.server.media[handler.site_path]
    handler.send(206, body[7:], Content_Range=f"bytes 7-{len(body) - 1}/{len(body)}", ETag='"first"')


def blind_range(handler):
    """Send the requested range in spite of If-Range."""
    del handler.headers["If-Range"]
    handler.serve()


def instead(body, kind="audio/x-wav", length=True):
    """Send something else; without a length: until the connection ends."""

    def fault(handler):
        handler.begin(200, len(body) if length else None, Content_Type=kind)
        handler.wfile.write(body)

    return fault


def chunked(share):
    """Send in chunks, without a length; hang up after this share."""

    def fault(handler):
        body = handler.server.media[handler.site_path]
        handler.begin(200, None, Content_Type="audio/x-wav", Transfer_Encoding="chunked", ETag='"first"')
        for first in range(0, int(share * len(body)), 1000):
            piece = body[first : first + 1000]
            handler.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        if share == 1:
            handler.wfile.write(b"0\r\n\r\n")

    return fault


def endless(handler):
    """Send without a length, and never stop."""
    handler.begin(200, None, Content_Type="audio/x-wav")
    while not handler.server.closing.is_set():
        handler.wfile.write(bytes(2**16))


def change(fault, before):
    """Change something of the server before a fault, or before answering well."""

    def changed(handler):
        before(handler.server)
        (fault or Handler.serve)(handler)

    return changed


def redirect(address, code=302):
    """Send the client elsewhere."""
    return lambda handler: handler.send(code, b"", Location=address)


def entry(name, *, categories=("Clocks",), size=1000):
    """An entry of the search interface."""
    return {
        "id": name,
        "description": f"Clock number {name}",
        "duration": 1000.0,
        "categories": [{"className": category} for category in categories],
        "tags": [],
        "source": {"name": "BBC Sound Effects"},
        "location": {"continent": None},
        "technicalMetadata": {"file_name": f"{name}.wav", "sample_rate": 44100, "bits_per_sample": 16, "channels": 2},
        "additionalMetadata": None,
        "fileSizes": {"mp3FileSize": size} | ({} if size is None else {"wavFileSize": size}),
    }
