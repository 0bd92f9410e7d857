"""The page's server: FastAPI over the catalogue of panels.

It serves this machine's browser alone: no other host, no other page may ask it, and it loads nothing from
elsewhere. The models work for one request at a time, in the order in which they came.
"""

import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

from lamp_core.errors import LampError, RejectedClip
from lamp_core.page.catalogue import PANELS, Action, page_state
from lamp_core.page.exports import export, export_endings
from lamp_core.page.files import static_file
from lamp_core.page.uploads import MOST_BYTES, UploadForm, take_file
from lamp_core.page.workshop import Answer, Workshop

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.requests import Request
    from starlette.responses import Response

HOSTS = ("127.0.0.1", "localhost")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
log = logging.getLogger(__name__)


def page_app(workshop: Workshop) -> "FastAPI":
    """The application that serves a page."""
    from fastapi import FastAPI

    app = FastAPI(title="LaMP", docs_url=None, redoc_url=None, openapi_url=None)
    _guard(app)
    _serve_files(app)
    _tell_faults(app)
    app.get("/api/page")(lambda: page_state(workshop) | {"exports": export_endings()})
    app.get("/api/runs")(workshop.runs)
    for panel in PANELS:
        for action in panel.actions:
            _perform(app, workshop, action)
    _serve_motions(app, workshop)
    return app


def _guard(app: "FastAPI") -> None:
    """Answer this machine's browser alone: not a name that leads here (DNS rebinding), not a foreign page."""
    from starlette.middleware.gzip import GZipMiddleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware
    from starlette.requests import Request
    from starlette.responses import JSONResponse, Response

    @app.middleware("http")
    async def own_page_only(
        request: Request, call_next: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        origin = request.headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
            return JSONResponse({"error": f"the page answers its own requests, not those of {origin}"}, 403)
        response = await call_next(request)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    app.add_middleware(GZipMiddleware, minimum_size=2000)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(HOSTS), www_redirect=False)


def _serve_files(app: "FastAPI") -> None:
    from starlette.responses import Response

    @app.get("/")
    def start() -> Response:
        return file("index.html")

    @app.get("/static/{name}")
    def file(name: str) -> Response:
        found = static_file(name)
        if found is None:
            return Response("not found", 404)
        return Response(found[0], media_type=found[1])


def _tell_faults(app: "FastAPI") -> None:
    """A request that cannot be met is one line, as on the command line."""
    from fastapi.exceptions import RequestValidationError
    from starlette.requests import Request
    from starlette.responses import JSONResponse

    def refused(_: Request, fault: Exception) -> JSONResponse:
        return JSONResponse({"error": str(fault)}, 400)

    def unread(_: Request, fault: Exception) -> JSONResponse:
        assert isinstance(fault, RequestValidationError)
        first = fault.errors()[0]
        where = ".".join(str(part) for part in first["loc"][1:]) or "request"
        return JSONResponse({"error": f"{where}: {first['msg']}"}, 422)

    def stopped(_: Request, fault: Exception) -> JSONResponse:
        assert isinstance(fault, OSError)
        return JSONResponse({"error": f"the machine refused it: {fault.strerror or fault}"}, 507)

    def failed(request: Request, fault: Exception) -> JSONResponse:
        log.error("%s failed", request.url.path, exc_info=fault)
        return JSONResponse({"error": f"the page failed: {fault!r}; the terminal says more"}, 500)

    app.exception_handler(LampError)(refused)
    app.exception_handler(RejectedClip)(refused)
    app.exception_handler(RequestValidationError)(unread)
    app.exception_handler(OSError)(stopped)
    app.exception_handler(Exception)(failed)


def in_turn(workshop: Workshop, perform: Callable[[], Answer]) -> Answer:
    """An answer with the remarks that were made on the way."""
    with workshop.turn() as notes:
        answer = perform()
    return {**answer, "notes": notes}


def _perform(app: "FastAPI", workshop: Workshop, action: Action) -> None:
    asked_for = action.request

    def perform(asked: asked_for) -> Any:  # type: ignore[valid-type]  # FastAPI reads the model from here
        return in_turn(workshop, lambda: action.perform(workshop, asked))

    app.post(f"/api/{action.name}")(perform)


def _serve_motions(app: "FastAPI", workshop: Workshop) -> None:
    from fastapi import Query
    from starlette.background import BackgroundTask
    from starlette.concurrency import run_in_threadpool
    from starlette.requests import Request
    from starlette.responses import FileResponse

    @app.post("/api/motions")
    async def take(request: Request, form: Annotated[UploadForm, Query()]) -> Any:
        content = await _body(request)
        return await run_in_threadpool(
            in_turn, workshop, lambda: {"motion": take_file(workshop, form, content).answer}
        )

    @app.get("/api/motions/{key:path}")
    def motion(key: str) -> Any:
        return {"motion": workshop.shelf.get(key).answer}  # asks no model: nobody's turn is waited for

    @app.get("/api/exports/{key:path}/{name}")
    def exported(key: str, name: str) -> "Response":
        with workshop.turn():
            path: Path = export(workshop, key, name)
        return FileResponse(path, filename=name, background=BackgroundTask(path.unlink, missing_ok=True))


async def _body(request: "Request") -> bytes:
    """What is sent, up to the size of the largest file."""
    content = bytearray()
    async for part in request.stream():
        content += part
        if len(content) > MOST_BYTES:
            raise LampError(f"the file is larger than {MOST_BYTES // 2**20} MiB")
    return bytes(content)
