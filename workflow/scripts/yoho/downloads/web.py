"""Polite requests to servers that may be busy, broken or wrong."""

import socket
import threading
import time
from contextlib import suppress
from urllib.parse import urljoin, urlsplit

import requests
import tenacity
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError, InvalidHeader
from urllib3.util import Retry

from yoho import InputError

HOPS = 5  # redirects in a row
PIECE = 2**16  # bytes


class Unsteady(InputError):
    """A failure that may pass: another attempt may succeed."""


# A ValueError is an InputError, or comes from an address that cannot be parsed.
FAILURES = (ValueError, requests.RequestException, HTTPError)
PASSING = (Unsteady, requests.ConnectionError, requests.Timeout, HTTPError)


class Web:
    """Polite requests from any number of threads. Proxies are taken from the environment.

    connections  maximum number of connections at a time
    rate         maximum number of requests per second, of all connections together
    attempts     maximum number of attempts for each file or page
    backoff      [first, longest] wait between two attempts, s; it doubles, and has a random part
    retry_after  longest wait that a server can ask for, s; meanwhile no server gets a request
    timeouts     [to connect, between two arrivals], s
    slowest      [bytes per second, span in s]: a connection that delivers fewer over a span counts as broken
    give_up      number of files in a row whose failure counts as an outage and ends the work; a 404 does not count
    hosts        other hosts to which a file may be redirected, as `host` or `host:port`
    """

    def __init__(self, *, connections, rate, attempts, backoff, retry_after, timeouts, slowest, give_up, hosts):
        self.connections, self.timeouts, self.slowest, self.hosts = connections, tuple(timeouts), slowest, hosts
        self.session = requests.Session()
        # Lengths and ranges of a compressed body would not be the file's.
        self.session.headers["Accept-Encoding"] = "identity"
        for scheme in ("http://", "https://"):
            self.session.mount(scheme, Adapter(pool_maxsize=connections))
        self.ending = threading.Event()
        first, longest = backoff
        self.insist = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(PASSING),
            stop=tenacity.stop_after_attempt(attempts) | tenacity.stop_when_event_set(self.ending),
            wait=tenacity.wait_exponential(multiplier=first, max=longest) + tenacity.wait_random(0, first),
            sleep=tenacity.sleep_using_event(self.ending),
            reraise=True,
        )
        self.retry_after = retry_after
        self.gap, self.next, self.quiet, self.lock = 1 / rate, 0.0, 0.0, threading.Lock()
        self.give_up, self.misses = give_up, 0
        self.counting = threading.Lock()  # for what all threads count; nobody waits while holding it

    def __enter__(self):
        """For `with`."""
        return self

    def __exit__(self, *error):
        """Close the connections."""
        self.session.close()

    def turn(self):
        """Wait until the next request may be sent."""
        with self.lock:
            while (delay := max(self.next, self.quiet) - time.monotonic()) > 0 and not self.ending.wait(delay):
                pass
            self.next = time.monotonic() + self.gap

    def hold(self, response):
        """Send no request for as long as a busy server asks."""
        try:
            seconds = min(Retry().get_retry_after(response.raw) or 0, self.retry_after)
        except (InvalidHeader, ValueError, OverflowError):
            return
        with self.counting:
            self.quiet = max(self.quiet, time.monotonic() + seconds)
        print(f"{response.url}: answered {response.status_code}; no request for {seconds:.0f} s")

    def missed(self, missed):
        """Count a file that could not be fetched, or begin anew after another; returns the number of those in a row."""
        with self.counting:
            self.misses = self.misses + 1 if missed else 0
            return self.misses

    def open(self, method, address, **content):
        """The response to one request, after any redirects. Its body is not read yet.

        Raises Unsteady if the server is busy or broken, InputError for a redirect to a host that is not allowed.
        """
        for _ in range(HOPS):
            self.turn()
            response = self.session.request(
                method, address, stream=True, timeout=self.timeouts, allow_redirects=False, **content
            )
            if not response.is_redirect:
                break
            response.close()
            here, there = urlsplit(address), urlsplit(address := urljoin(address, response.headers["Location"]))
            if there.netloc not in (here.netloc, *self.hosts) or there.scheme not in (here.scheme, "https"):
                raise InputError(f"redirected to {address}; `hosts` does not allow it")
        else:
            raise InputError(f"redirected {HOPS} times in a row")
        if response.status_code in (408, 429) or response.status_code >= 500:
            self.hold(response)
            response.close()
            raise Unsteady(f"answered {response.status_code} {response.reason}")
        return response

    def pieces(self, response):
        """Yield the body of a response, bytes as they arrive. Raises Unsteady if they arrive too slowly."""
        least, span = self.slowest
        since, amount = time.monotonic(), 0
        while piece := response.raw.read1(PIECE):
            if self.ending.is_set():
                raise InputError("stopped")
            yield piece
            amount += len(piece)
            if (passed := time.monotonic() - since) >= span:
                if amount < least * passed:
                    raise Unsteady(f"{amount / passed:.0f} bytes per second; at least {least} are expected")
                since, amount = time.monotonic(), 0


class Adapter(HTTPAdapter):
    """An adapter whose connections are `Bounded`."""

    def get_connection_with_tls_context(self, *args, **settings):
        pool = super().get_connection_with_tls_context(*args, **settings)
        kind = pool.ConnectionCls  # Another thread may replace it at any time.
        if not issubclass(kind, Bounded):
            pool.ConnectionCls = type("Connection", (Bounded, kind), {})
        return pool


class Bounded:
    """A connection that ends if the head of an answer takes longer than twice the timeout between two arrivals."""

    def getresponse(self):
        """The head of an answer. Raises TimeoutError."""
        began, patience = time.monotonic(), 2 * self.timeout
        timer = threading.Timer(patience, hang_up, [self.sock])
        timer.start()
        try:
            return super().getresponse()
        finally:
            timer.cancel()
            if time.monotonic() - began >= patience:  # a head that is cut off can look complete
                raise TimeoutError


def hang_up(connection):
    """End a connection, even while another thread reads from it."""
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def reason(error):
    """What went wrong, in one line, without the errors that requests and urllib3 wrap around it."""
    while error.args and isinstance(inner := getattr(error.args[0], "reason", error.args[0]), Exception):
        error = inner
    return " ".join(str(error).split())
