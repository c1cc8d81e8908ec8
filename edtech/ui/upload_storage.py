"""Uploaded files go to disk: Streamlit would hold them in the server's memory for as long as the page is open."""

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
"""Files up to this size stay with Streamlit; `st.file_uploader` is given it where a file is small by nature."""
MAX_WAITING = 20

_files: dict[str, BinaryIO] = {}


def take_file(file_id: str) -> BinaryIO | None:
    """Return the content of an uploaded file once; who takes it closes it. None: Streamlit holds the file itself."""
    return _files.pop(file_id, None)


class UploadsToDisk:
    """Keeps a large upload in a temporary file and hands Streamlit an empty one of the same name and type.

    A pure ASGI middleware (Starlette's documentation, "Middleware"). Streamlit goes on deciding who may upload: the
    file is kept only where it accepts. A request that this class does not know goes through as it is.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
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
        except HTTPException as error:  # not such a form
            await PlainTextResponse(error.detail, error.status_code)(scope, receive, send)
            return
        body, kind = _without_content(form)
        accepted = False

        async def emptied() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def answer(message: Message) -> None:
            nonlocal accepted
            if message.get("status") == 204:
                accepted = True
                _store(file_id, _content(form))
            await send(message)

        try:
            await self._app({**scope, "headers": _headers(scope, body, kind)}, emptied, answer)
        finally:
            if not accepted:
                await form.close()


def _store(file_id: str, file: BinaryIO) -> None:
    """Keep a file until it is taken; those that no page ever takes go in time."""
    _files[file_id] = file
    if len(_files) > MAX_WAITING:
        _close(take_file(next(iter(_files))))


def _is_large(scope: Scope) -> bool:
    """Whether a body goes to disk; one beyond the limit, or of a size not told, is left for Streamlit to refuse."""
    length = Headers(scope=scope).get("content-length", "")
    limit = int(st.get_option("server.maxUploadSize"))
    return length.isdecimal() and SMALL_MB * MEGABYTE < int(length) <= limit * MEGABYTE


def _without_content(form: FormData) -> tuple[bytes, str]:
    """Return the body of the same form with nothing in its files, and the body's type."""
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
    return next(name.file for name in form.values() if isinstance(name, UploadFile))


def _close(file: BinaryIO | None) -> None:
    if file is not None:
        file.close()
