"""Store uploaded files on disk, because Streamlit would hold them in memory as long as the page is open."""

from typing import BinaryIO

import streamlit as st
from starlette.datastructures import FormData, Headers, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from urllib3 import encode_multipart_formdata

from edtech.settings import MEGABYTE

UPLOAD_PATH = "/_stcore/upload_file/"
SMALL_MB = 10
"""Streamlit keeps files up to this size; it is the limit of `st.file_uploader` for files that are always small."""
MAX_WAITING = 20

_files: dict[str, BinaryIO] = {}


def take_file(file_id: str) -> BinaryIO | None:
    """Return the content of an uploaded file once; the caller closes it. None if Streamlit holds the file."""
    return _files.pop(file_id, None)


class UploadsToDisk:
    """Store a large upload in a temporary file and pass Streamlit an empty file with the same name and type.

    This is a pure ASGI middleware (Starlette's documentation, "Middleware"). Streamlit still decides who may upload:
    the file is stored only if Streamlit accepts the request. All other requests pass unchanged.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] == "http" and UPLOAD_PATH in scope["path"]:
            file_id = scope["path"].rpartition("/")[2]
            if scope["method"] == "DELETE":
                _close(take_file(file_id))
            if scope["method"] == "PUT" and _is_large(scope):
                await self._to_disk(file_id, scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def _to_disk(self, file_id: str, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            form = await Request(scope, receive).form(max_files=1)
        except HTTPException as error:  # not a multipart form
            await PlainTextResponse(error.detail, error.status_code)(scope, receive, send)
            return
        body, kind = _without_content(form)
        accepted = False

        async def receive_empty() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send_and_store(message: Message) -> None:
            nonlocal accepted
            if message.get("status") == 204:
                accepted = True
                _store(file_id, _content(form))
            await send(message)

        try:
            await self._app({**scope, "headers": _headers(scope, body, kind)}, receive_empty, send_and_store)
        finally:
            if not accepted:
                await form.close()


def _store(file_id: str, file: BinaryIO) -> None:
    """Store a file until a page takes it; the oldest file is dropped beyond `MAX_WAITING` files."""
    _files[file_id] = file
    if len(_files) > MAX_WAITING:
        _close(take_file(next(iter(_files))))


def _is_large(scope: Scope) -> bool:
    """Tell whether a body goes to disk; Streamlit itself refuses bodies beyond the limit or of unknown size."""
    length = Headers(scope=scope).get("content-length", "")
    limit = int(st.get_option("server.maxUploadSize"))
    return length.isdecimal() and SMALL_MB * MEGABYTE < int(length) <= limit * MEGABYTE


def _without_content(form: FormData) -> tuple[bytes, str]:
    """Return the body of the same form with empty files, and its content type."""
    fields = [
        (name, (item.filename or "", b"", item.content_type or "application/octet-stream"))
        for name, item in form.multi_items()
        if isinstance(item, UploadFile)
    ]
    return encode_multipart_formdata(fields)


def _headers(scope: Scope, body: bytes, kind: str) -> list[tuple[bytes, bytes]]:
    changed = Headers(scope=scope).mutablecopy()
    changed["content-length"], changed["content-type"] = str(len(body)), kind
    return changed.raw


def _content(form: FormData) -> BinaryIO:
    return next(item.file for item in form.values() if isinstance(item, UploadFile))


def _close(file: BinaryIO | None) -> None:
    if file is not None:
        file.close()
