"""The gateway's HTTP API, with the standard library. Called from worker threads only: every call may take its timeout."""

import base64
import hashlib
import http.client
import json
import os
import urllib.parse

CHUNK_BYTES = 256 << 10
SECONDS_TO_ANSWER = 20
RESUMED_BYTES = 16 << 20  # from this size on an upload goes on where it was cut off (tus 1.0.0)
TUS = {"Tus-Resumable": "1.0.0"}


class ApiError(Exception):
    """`again`: the same call may succeed later. `kind`: unreachable, busy, denied, invalid, missing, conflict, corrupt."""

    def __init__(self, kind, message, field=""):
        super().__init__(message)
        self.kind, self.field = kind, field
        self.again = kind in {"unreachable", "busy"}


class Cancelled(Exception):
    pass


KINDS = {400: "invalid", 401: "denied", 403: "denied", 404: "missing", 409: "conflict", 411: "invalid", 413: "invalid"}


def problem_of(status, body):
    """What an error answer means; problem JSON where it is one."""
    try:
        told = json.loads(body)
        detail, field = str(told.get("detail", "")), str(told.get("field", ""))
    except (ValueError, AttributeError):
        detail, field = body.decode("utf-8", "replace")[:200], ""
    kind = KINDS.get(status, "busy" if status >= 500 or status == 429 else "invalid")
    if kind == "denied":
        detail += " Set the API token in the add-on's preferences."
    return ApiError(kind, detail or "the server answered %d" % status, field)


class Client:
    """One server. Keeps no connection, so any number of threads may use it."""

    def __init__(self, base, token="", seconds=SECONDS_TO_ANSWER):
        parts = urllib.parse.urlsplit(base if "://" in base else "http://" + base)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ApiError("invalid", "'%s' is not a server's address; write http://host:port" % base)
        self.base = "%s://%s" % (parts.scheme, parts.netloc)
        self._parts, self._token, self._seconds = parts, token, seconds

    def _connect(self):
        if self._parts.scheme == "https":
            import ssl  # not in every build of Blender, and not needed for a farm at home
            return http.client.HTTPSConnection(self._parts.hostname, self._parts.port, timeout=self._seconds,
                                               context=ssl.create_default_context())
        return http.client.HTTPConnection(self._parts.hostname, self._parts.port, timeout=self._seconds)

    def _path(self, path):
        return self._parts.path.rstrip("/") + path

    def _headers(self):
        return {"Authorization": "Bearer " + self._token} if self._token else {}

    def _unreachable(self, error):
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return ApiError("unreachable", "%s does not answer (%s)" % (self.base, reason))

    def call(self, method, path, body=None, headers=None):
        """The answer's JSON; an ApiError otherwise."""
        data = None if body is None else json.dumps(body).encode()
        all_headers = {**self._headers(), **(headers or {})}
        if data is not None:
            all_headers["Content-Type"] = "application/json"
        connection = self._connect()
        try:
            connection.request(method, self._path(path), data, all_headers)
            response = connection.getresponse()
            answer = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise self._unreachable(error) from error
        finally:
            connection.close()
        if response.status >= 300:
            raise problem_of(response.status, answer)
        try:
            return json.loads(answer) if answer else {}
        except ValueError as error:
            raise ApiError("corrupt", "%s is not a WorldShare server: its answer is no JSON" % self.base) from error

    def health(self):
        return self.call("GET", "/health")

    def submit(self, manifest, idempotency_key):
        return self.call("POST", "/v1/jobs", manifest, {"Idempotency-Key": idempotency_key})

    def job(self, job):
        return self.call("GET", "/v1/jobs/" + job)

    def units(self, job):
        return self.call("GET", "/v1/jobs/%s/units" % job).get("units", [])

    def frame(self, job, frame):
        return self.call("GET", "/v1/jobs/%s/frames/%d" % (job, frame))

    def control(self, job, action, **values):
        return self.call("POST", "/v1/jobs/%s/control" % job, {"action": action, **values})

    def has_blob(self, sha256):
        """Whether this scene is there already and of ours, so that nothing needs to be sent."""
        try:
            self.call("HEAD", "/v1/blobs/" + sha256)
        except ApiError as error:
            if error.kind == "missing":
                return False
            raise
        return True

    def _upload_begun(self, sha256, size):
        """How much of this upload is there; begins it when nothing is."""
        path = "/v1/uploads/" + sha256
        try:
            return self.call("GET", path)["offset_bytes"]
        except ApiError as error:
            if error.kind != "missing":
                raise
        name = base64.b64encode(sha256.encode()).decode()
        self.call("POST", "/v1/uploads", headers={**TUS, "Upload-Length": str(size), "Upload-Metadata": "sha256 " + name})
        return self.call("GET", path)["offset_bytes"]

    def upload(self, path, sha256, size, progress, cancelled):
        """Sends a file. `progress(bytes)`, `cancelled()` are called for every chunk. A large one goes on where an earlier
        call was cut off, also one of an earlier session of Blender."""
        if size < RESUMED_BYTES:
            self._put("PUT", "/v1/blobs/" + sha256, {}, path, 0, size, progress, cancelled)
            return
        begin = self._upload_begun(sha256, size)
        progress(begin)
        if begin < size:
            headers = {**TUS, "Upload-Offset": str(begin), "Content-Type": "application/offset+octet-stream"}
            try:
                self._put("PATCH", "/v1/uploads/" + sha256, headers, path, begin, size, progress, cancelled)
            except ApiError as error:
                if error.kind != "conflict":
                    raise
                # The connection that was cut is still being noticed at the other end.
                raise ApiError("busy", str(error)) from error

    def _put(self, method, target, headers, path, begin, size, progress, cancelled):
        connection = self._connect()
        try:
            with open(path, "rb") as file:
                file.seek(begin)
                connection.putrequest(method, self._path(target))
                for name, value in {**self._headers(), **headers, "Content-Length": str(size - begin)}.items():
                    connection.putheader(name, value)
                connection.endheaders()
                self._send(connection, file, begin, progress, cancelled)
            response = connection.getresponse()
            answer = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise self._early_answer(connection) or self._unreachable(error) from error
        finally:
            connection.close()
        if response.status >= 300:
            raise problem_of(response.status, answer)

    def _send(self, connection, file, sent, progress, cancelled):
        while chunk := file.read(CHUNK_BYTES):
            if cancelled():
                raise Cancelled()
            connection.send(chunk)
            sent += len(chunk)
            progress(sent)

    @staticmethod
    def _early_answer(connection):
        """A server that refuses answers and closes while we still send."""
        try:
            response = connection.getresponse()
            return problem_of(response.status, response.read()) if response.status >= 300 else None
        except (OSError, http.client.HTTPException):
            return None

    def download(self, sha256, size, path, cancelled):
        """Fetches a blob, checks it against its name, and only then gives the file its name."""
        connection, digest, part = self._connect(), hashlib.sha256(), path + ".part"
        try:
            connection.request("GET", self._path("/v1/blobs/" + sha256), headers=self._headers())
            response = connection.getresponse()
            if response.status >= 300:
                raise problem_of(response.status, response.read())
            with open(part, "wb") as file:
                left = size
                while left > 0 and (chunk := response.read(min(CHUNK_BYTES, left))):
                    if cancelled():
                        raise Cancelled()
                    digest.update(chunk)
                    file.write(chunk)
                    left -= len(chunk)
        except (ConnectionError, TimeoutError, http.client.HTTPException) as error:
            raise self._unreachable(error) from error
        finally:
            connection.close()
        if digest.hexdigest() != sha256:
            os.remove(part)
            raise ApiError("corrupt", "%s arrived damaged" % os.path.basename(path))
        os.replace(part, path)


def hash_file(path, progress, cancelled):
    digest, done = hashlib.sha256(), 0
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            if cancelled():
                raise Cancelled()
            digest.update(chunk)
            done += len(chunk)
            progress(done)
    return digest.hexdigest(), done


def patiently(call, stop, waiting, pauses=(1, 2, 4, 8, 15, 30)):
    """call(), again after a pause while the server is away; the last pause repeats. `stop`: threading.Event that ends it.
    `waiting(error, seconds)` hears of every pause."""
    for attempt in range(1 << 30):
        if stop.is_set():
            raise Cancelled()
        try:
            return call()
        except ApiError as error:
            if not error.again:
                raise
            seconds = pauses[min(attempt, len(pauses) - 1)]
            waiting(error, seconds)
            stop.wait(seconds)
    raise Cancelled()
