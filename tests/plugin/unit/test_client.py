import base64
import hashlib
import http.server
import json
import os
import tempfile
import threading
import unittest

import paths  # noqa: F401

from core import client, server


class Gateway(http.server.BaseHTTPRequestHandler):
    """Answers as its server's `script` says: (method, path) → (status, body), and notes what came."""

    def answer(self):
        length = int(self.headers.get("Content-Length", 0))
        body = b""
        while len(body) < length and (chunk := self.rfile.read(min(65536, length - len(body)))):
            body += chunk
        if len(body) < length:  # the client went away
            self.close_connection = True
            return
        self.server.seen.append((self.command, self.path, dict(self.headers), body))
        said = self.server.script.get((self.command, self.path), (404, b""))
        status, answer = said.pop(0) if isinstance(said, list) else said
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer)

    do_GET = do_PUT = do_POST = do_PATCH = do_HEAD = answer

    def log_message(self, *_):
        pass


class ClientTest(unittest.TestCase):
    def setUp(self):
        self.gateway = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Gateway)
        self.gateway.script, self.gateway.seen = {}, []
        threading.Thread(target=self.gateway.serve_forever, daemon=True).start()
        self.client = client.Client("http://127.0.0.1:%d" % self.gateway.server_port, "secret", 5)
        self.folder = tempfile.TemporaryDirectory()

    def tearDown(self):
        self.gateway.shutdown()
        self.gateway.server_close()
        self.folder.cleanup()

    def file(self, data):
        path = os.path.join(self.folder.name, "file")
        with open(path, "wb") as file:
            file.write(data)
        return path

    def test_a_problem_is_told_with_its_field(self):
        self.gateway.script["POST", "/v1/jobs"] = 400, json.dumps({"detail": "frames.last: before", "field": "frames.last"}).encode()
        with self.assertRaises(client.ApiError) as caught:
            self.client.submit({"version": 1}, "key")
        self.assertEqual((caught.exception.kind, caught.exception.field, caught.exception.again), ("invalid", "frames.last", False))
        _, _, headers, body = self.gateway.seen[-1]
        self.assertEqual((headers["Authorization"], headers["Idempotency-Key"]), ("Bearer secret", "key"))
        self.assertEqual(json.loads(body), {"version": 1})

    def test_busy_is_tried_again_and_denied_is_not(self):
        self.assertTrue(client.problem_of(503, b"").again)
        self.assertTrue(client.problem_of(429, b"").again)
        self.assertFalse(client.problem_of(401, b"").again)
        self.assertIn("API token", str(client.problem_of(401, b"{}")))

    def test_an_answer_that_is_no_json_is_no_server_of_ours(self):
        self.gateway.script["GET", "/health"] = 200, b"<html>"
        with self.assertRaises(client.ApiError) as caught:
            self.client.health()
        self.assertIn("not a WorldShare server", str(caught.exception))

    def test_an_upload_arrives_whole_and_tells_its_progress(self):
        data, told = os.urandom(client.CHUNK_BYTES * 3 + 5), []
        name = hashlib.sha256(data).hexdigest()
        self.gateway.script["PUT", "/v1/blobs/" + name] = 201, b"{}"
        self.client.upload(self.file(data), name, len(data), told.append, lambda: False)
        self.assertEqual(self.gateway.seen[-1][3], data)
        self.assertEqual(told[-1], len(data))
        self.assertEqual(len(told), 4)

    def test_a_large_upload_goes_on_where_it_was_cut_off(self):
        data = os.urandom(client.RESUMED_BYTES + 1000)
        name = hashlib.sha256(data).hexdigest()
        path, told = "/v1/uploads/" + name, []
        cut = json.dumps({"sha256": name, "offset_bytes": client.RESUMED_BYTES, "size_bytes": len(data)}).encode()
        self.gateway.script["GET", path] = [(404, b"{}"), (200, cut)]
        self.gateway.script["POST", "/v1/uploads"] = 201, b"{}"
        self.gateway.script["PATCH", path] = 204, b""
        self.client.upload(self.file(data), name, len(data), told.append, lambda: False)
        _, _, begun, _ = self.gateway.seen[1]
        self.assertEqual((begun["Tus-Resumable"], begun["Upload-Length"]), ("1.0.0", str(len(data))))
        self.assertEqual(base64.b64decode(begun["Upload-Metadata"].removeprefix("sha256 ")).decode(), name)
        method, _, headers, body = self.gateway.seen[-1]
        self.assertEqual((method, headers["Upload-Offset"]), ("PATCH", str(client.RESUMED_BYTES)))
        self.assertEqual(body, data[client.RESUMED_BYTES:])
        self.assertEqual(told, [client.RESUMED_BYTES, len(data)])

    def test_an_upload_that_is_all_there_sends_nothing(self):
        size = client.RESUMED_BYTES
        self.gateway.script["GET", "/v1/uploads/" + "a" * 64] = 200, json.dumps({"offset_bytes": size}).encode()
        self.client.upload(self.file(b""), "a" * 64, size, lambda done: None, lambda: False)
        self.assertEqual([seen[0] for seen in self.gateway.seen], ["GET"])

    def test_a_cut_that_is_still_being_noticed_is_tried_again(self):
        data = b"x" * client.RESUMED_BYTES
        self.gateway.script["GET", "/v1/uploads/" + "a" * 64] = 200, b'{"offset_bytes": 5}'
        self.gateway.script["PATCH", "/v1/uploads/" + "a" * 64] = 409, b'{"detail": "another connection sends this"}'
        with self.assertRaises(client.ApiError) as caught:
            self.client.upload(self.file(data), "a" * 64, len(data), lambda done: None, lambda: False)
        self.assertTrue(caught.exception.again)

    def test_an_upload_stops_when_it_is_cancelled(self):
        path = self.file(os.urandom(client.CHUNK_BYTES * 8))
        calls = []
        with self.assertRaises(client.Cancelled):
            self.client.upload(path, "0" * 64, client.CHUNK_BYTES * 8, lambda done: None, lambda: calls.append(1) or len(calls) > 2)
        self.assertEqual(len(calls), 3)

    def test_a_download_that_is_not_what_it_is_called_is_thrown_away(self):
        data = b"picture"
        name = hashlib.sha256(data).hexdigest()
        path = os.path.join(self.folder.name, "frame.png")
        self.gateway.script["GET", "/v1/blobs/" + name] = 200, data
        self.client.download(name, len(data), path, lambda: False)
        with open(path, "rb") as file:
            self.assertEqual(file.read(), data)
        self.gateway.script["GET", "/v1/blobs/" + "0" * 64] = 200, data
        with self.assertRaises(client.ApiError) as caught:
            self.client.download("0" * 64, len(data), path + "2", lambda: False)
        self.assertEqual(caught.exception.kind, "corrupt")
        self.assertEqual(sorted(os.listdir(self.folder.name)), ["frame.png"])

    def test_nobody_there_is_unreachable_and_waited_for(self):
        self.gateway.shutdown()
        self.gateway.server_close()
        stop, told = threading.Event(), []

        def waiting(error, seconds):
            told.append((error.kind, seconds))
            if len(told) == 3:
                stop.set()

        with self.assertRaises(client.Cancelled):
            client.patiently(self.client.health, stop, waiting, pauses=(0, 0.01))
        self.assertEqual(told, [("unreachable", 0), ("unreachable", 0.01), ("unreachable", 0.01)])

    def test_addresses(self):
        self.assertEqual(client.Client("farm:80").base, "http://farm:80")
        with self.assertRaises(client.ApiError):
            client.Client("ftp://farm")


class ServerTest(unittest.TestCase):
    def test_the_preferences_come_first_then_the_environment_then_this_machine(self):
        local = lambda: ("http://local", "t")  # noqa: E731
        self.assertEqual(server.choose("http://a", "t1", {}, local)[0], "http://a")
        self.assertEqual(server.choose("", "", {"WORLDSHARE_SERVER": "http://b"}, local)[0], "http://b")
        self.assertEqual(server.choose("", "", {}, local)[:2], ("http://local", "t"))
        self.assertEqual(server.choose("", "", {}, lambda: None)[0], "")

    def test_a_farm_on_this_machine_is_found_by_its_files(self):
        with tempfile.TemporaryDirectory() as folder:
            self.assertIsNone(server.local_farm([folder]))
            os.makedirs(os.path.join(folder, "up/keys"))
            for name, text in (("url", "http://127.0.0.1:1\n"), ("keys/api-token", "abc\n")):
                with open(os.path.join(folder, "up", name), "w", encoding="utf-8") as file:
                    file.write(text)
            self.assertEqual(server.local_farm([folder]), ("http://127.0.0.1:1", "abc"))


if __name__ == "__main__":
    unittest.main()
