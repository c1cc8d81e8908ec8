"""Large uploads go to disk: what the application receives, what is stored, and what passes unchanged."""

import asyncio
import threading

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from urllib3 import encode_multipart_formdata

from edtech.settings import MEGABYTE
from edtech.ui.upload_storage import MAX_WAITING, SMALL_MB, UPLOAD_PATH, UploadsToDisk, take_file

CONTENT = b"week,price\r\n" * MEGABYTE
NAME = "Preise %22Herbst%22 \u00fc\u6e2c.csv"  # as browsers write quotes


class RecordingApp:
    """An application that accepts uploads as Streamlit does, and records them."""

    def __init__(self, status: int = 204) -> None:
        self.status = status
        self.received: list[tuple[str, str, bytes]] = []
        route = Route(UPLOAD_PATH + "{session}/{file}", self._answer, methods=["PUT", "DELETE"])
        self.app = UploadsToDisk(Starlette(routes=[route]))

    async def _answer(self, request: Request) -> Response:
        if request.method == "PUT":
            async with request.form() as form:
                [file] = form.values()
                self.received.append((file.filename, file.content_type, await file.read()))
        return Response(status_code=self.status)

    def put(self, file_id: str, body: bytes, kind: str, *, chunked: bool = False) -> int:
        length = [] if chunked else [(b"content-length", str(len(body)).encode())]
        return self._request("PUT", file_id, body, [(b"content-type", kind.encode()), *length])

    def delete(self, file_id: str) -> int:
        return self._request("DELETE", file_id, b"", [])

    def _request(self, method: str, file_id: str, body: bytes, headers: list[tuple[bytes, bytes]]) -> int:
        path = f"{UPLOAD_PATH}session/{file_id}"
        scope = {"type": "http", "method": method, "path": path, "query_string": b"", "headers": headers, "app": self}
        pieces = [body[start : start + MEGABYTE] for start in range(0, max(len(body), 1), MEGABYTE)]
        status = []

        async def receive():
            piece = pieces.pop(0)
            return {"type": "http.request", "body": piece, "more_body": bool(pieces)}

        async def send(message):
            status.extend([message["status"]] if "status" in message else [])

        thread = threading.Thread(
            target=asyncio.run, args=[self.app(scope, receive, send)]
        )  # Playwright has a loop here
        thread.start()
        thread.join()
        return status[0]


def form(content: bytes = CONTENT) -> tuple[bytes, str]:
    return encode_multipart_formdata({"file": (NAME, content, "text/csv")})


def test_a_large_file_is_stored_on_disk_and_streamlit_gets_an_empty_file_of_the_same_name():
    app = RecordingApp()
    assert app.put("one", *form()) == 204
    assert app.received == [(NAME, "text/csv", b"")]
    with take_file("one") as file:
        assert file.read() == CONTENT
        assert file._rolled  # on disk, not in memory
    assert take_file("one") is None


@pytest.mark.parametrize("chunked", [False, True])
def test_a_small_file_or_a_file_of_unknown_size_passes_unchanged(chunked):
    app = RecordingApp()
    content = CONTENT if chunked else b"a" * (SMALL_MB * MEGABYTE // 2)
    assert app.put("two", *form(content), chunked=chunked) == 204
    assert app.received == [(NAME, "text/csv", content)]
    assert take_file("two") is None


def test_refused_and_deleted_uploads_are_not_stored():
    assert RecordingApp(403).put("three", *form()) == 403
    assert take_file("three") is None
    app = RecordingApp()
    app.put("four", *form())
    assert app.delete("four") == 204
    assert take_file("four") is None


def test_a_broken_form_is_refused_and_old_files_are_dropped():
    app = RecordingApp()
    assert app.put("five", CONTENT, "multipart/form-data") == 400
    for number in range(MAX_WAITING + 1):
        app.put(f"many{number}", *form())
    assert take_file("many0") is None
    for number in range(1, MAX_WAITING + 1):
        take_file(f"many{number}").close()
