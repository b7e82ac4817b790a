"""What pygls is told otherwise: messages of our own methods, answers to bad requests, no error pop-ups."""

from __future__ import annotations

import asyncio
import logging
import sys
from threading import Event
from typing import TYPE_CHECKING, Any, BinaryIO

import attrs
from lsprotocol import types
from pygls.exceptions import FeatureRequestError, JsonRpcException, JsonRpcServerNotInitialized
from pygls.io_ import StdoutWriter, run_async
from pygls.lsp.server import LanguageServer
from pygls.protocol import LanguageServerProtocol, default_converter

from model_loupe.lsp.stdio import StdinReader

if TYPE_CHECKING:
    from collections.abc import Callable

    from model_loupe.lsp.session import Session

logger = logging.getLogger(__name__)

MODELS = "modelLoupe/models"
CHILDREN = "modelLoupe/children"
PRINT_MODEL = "modelLoupe/printModel"
SOURCE = "modelLoupe/source"
COMPARE = "modelLoupe/compare"
EXPORT = "modelLoupe/export"
SIZES = "modelLoupe/sizes"
VALUES = "modelLoupe/values"
FILE = "modelLoupe/file"
CAST_PREVIEW = "modelLoupe/castPreview"
CAST_EDIT = "modelLoupe/castEdit"
CAST_WRITE = "modelLoupe/castWrite"
TENSOR_PATH = "modelLoupe/tensorPath"
DID_CHANGE = "modelLoupe/didChange"

# pygls keeps documents and notebooks too (see ``text`` and ``notebook`` for why ours are used); it would do
# the work twice and report an error to the user for a change of a document that was never opened.
_OWN_SYNC = (
    types.TEXT_DOCUMENT_DID_OPEN,
    types.TEXT_DOCUMENT_DID_CHANGE,
    types.TEXT_DOCUMENT_DID_CLOSE,
    types.NOTEBOOK_DOCUMENT_DID_OPEN,
    types.NOTEBOOK_DOCUMENT_DID_CHANGE,
    types.NOTEBOOK_DOCUMENT_DID_CLOSE,
)


class InvalidParams(JsonRpcException):
    """Parameters that do not have the shape of their method's."""

    CODE = types.ErrorCodes.InvalidParams.value
    MESSAGE = "Invalid Params"


class RequestFailed(JsonRpcException):
    """What was asked for cannot be done; the message says why, for the eyes of who asked."""

    CODE = types.LSPErrorCodes.RequestFailed.value
    MESSAGE = "Request Failed"


class ContentModified(JsonRpcException):
    """The document changed while its answer was made; the editor asks again by itself."""

    CODE = types.LSPErrorCodes.ContentModified.value
    MESSAGE = "the document changed meanwhile"


class ServerCancelled(JsonRpcException):
    """As ``ContentModified``, for diagnostics: editors ask again for this code alone."""

    CODE = types.LSPErrorCodes.ServerCancelled.value
    MESSAGE = "the document changed meanwhile"

    def __init__(self) -> None:
        super().__init__(data={"retriggerRequest": True})


@attrs.define
class ChildrenParams:
    """Parameters of ``modelLoupe/children``, ``printModel``, ``sizes`` and ``values``: the node meant.

    ``query``: of a vocabulary's row the tokens that have it in their text, or as their id. ``sort`` is
    ``order``, the model's own, or ``size``: of most bytes first.
    """

    node: str = attrs.field(validator=attrs.validators.instance_of(str))
    query: str = ""
    sort: str = "order"


@attrs.define
class SourceParams:
    """Parameters of ``modelLoupe/source`` and ``modelLoupe/file``: the URI of a file.

    Of ``source`` it is one that ``textDocument/definition`` gave.
    """

    uri: str


@attrs.define
class CompareParams:
    """Parameters of ``modelLoupe/compare``: rows of the two models."""

    node: str
    other: str


@attrs.define
class ExportParams:
    """Parameters of ``modelLoupe/export``: a model's row; ``format``: ``text``, ``markdown`` or ``json``."""

    node: str
    format: str


@attrs.define
class ModelsParams:
    """Parameters of ``modelLoupe/models``; ``filter``: below each model is what has that text in its name."""

    filter: str = ""


@attrs.define
class CastPreviewParams:
    """Parameters of ``modelLoupe/castPreview``.

    ``model`` is a row's id or a name as in code; ``dtypes`` are targets (none: all), ``scope`` a module's
    path. ``plan``: nothing is measured; ``exact``: all is read; ``tensors``: each is told apart; ``spend``:
    a sample may be read from the Hub, as the answer to the same without it said.
    """

    model: str
    dtypes: tuple[str, ...] = ()
    scope: str | None = None
    exact: bool = False
    plan: bool = False
    tensors: bool = False
    spend: bool = False
    partial_result_token: int | str | None = None
    work_done_token: int | str | None = None


@attrs.define
class CastEditParams:
    """Parameters of ``modelLoupe/castEdit``: a place in the call or cast, and what to load instead."""

    uri: str
    position: types.Position
    dtype: str


@attrs.define
class CastWriteParams:
    """Parameters of ``modelLoupe/castWrite``: a row's id or a name, a target, and a folder to be made."""

    model: str
    dtype: str
    output: str
    work_done_token: int | str | None = None


@attrs.define
class TensorPathParams:
    """Parameters of ``modelLoupe/tensorPath``: a row's id or a name, and a tensor as its files name it."""

    model: str
    tensor: str


Params = (
    ChildrenParams
    | SourceParams
    | CompareParams
    | ExportParams
    | ModelsParams
    | CastPreviewParams
    | CastEditParams
    | CastWriteParams
    | TensorPathParams
)


@attrs.define
class CustomRequest:
    """A request of one of our own methods."""

    id: int | str
    method: str
    params: Params
    jsonrpc: str = "2.0"


def structure_request(message: dict[str, Any], _: type[CustomRequest]) -> CustomRequest:
    """Build a custom request. Without this pygls would make a namedtuple class for each object received."""
    method = message["method"]
    return CustomRequest(message["id"], method, _PARSERS[method](message.get("params")))


def _field(params: object, name: str) -> Any:
    if not isinstance(params, dict) or not isinstance(params.get(name), str):
        raise InvalidParams(f'"{name}" is missing or not a string')
    return params[name]


def _cast_preview(params: object) -> CastPreviewParams:
    model = _field(params, "model")
    assert isinstance(params, dict)
    flags = {name: params.get(name) or False for name in ("exact", "plan", "tensors", "spend")}
    for name, value in flags.items():
        if not isinstance(value, bool):
            raise InvalidParams(f'"{name}" is true or false')
    dtypes = params.get("dtypes") or []
    if not isinstance(dtypes, list) or not all(isinstance(name, str) for name in dtypes):
        raise InvalidParams('"dtypes" is not a list of strings')
    scope = params.get("scope") or None
    if scope is not None and not isinstance(scope, str):
        raise InvalidParams('"scope" is not a string')
    tokens = (_token(params, name) for name in ("partialResultToken", "workDoneToken"))
    return CastPreviewParams(model, tuple(dtypes), scope, *flags.values(), *tokens)


def _token(params: dict[str, Any], name: str) -> int | str | None:
    token = params.get(name)
    if token is not None and type(token) not in (int, str):
        raise InvalidParams(f'"{name}" is neither a string nor a number')
    return token


def _optional(params: object, name: str, default: str = "") -> Any:
    return _field(params, name) if isinstance(params, dict) and name in params else default


def _children(params: object) -> ChildrenParams:
    return ChildrenParams(
        _field(params, "node"), _optional(params, "query"), _optional(params, "sort", "order")
    )


def _cast_edit(params: object) -> CastEditParams:
    uri, dtype = _field(params, "uri"), _field(params, "dtype")
    assert isinstance(params, dict)
    match params.get("position"):
        case {"line": int(line), "character": int(character)} if line >= 0 and character >= 0:
            return CastEditParams(uri, types.Position(line, character), dtype)
    raise InvalidParams('"position" is no position')


def _cast_write(params: object) -> CastWriteParams:
    model, dtype, output = (_field(params, name) for name in ("model", "dtype", "output"))
    assert isinstance(params, dict)
    return CastWriteParams(model, dtype, output, _token(params, "workDoneToken"))


_PARSERS: dict[str, Callable[[object], Params]] = {
    MODELS: lambda params: ModelsParams(_optional(params, "filter")),
    CHILDREN: _children,
    PRINT_MODEL: lambda params: ChildrenParams(_field(params, "node")),
    SOURCE: lambda params: SourceParams(_field(params, "uri")),
    COMPARE: lambda params: CompareParams(_field(params, "node"), _field(params, "other")),
    EXPORT: lambda params: ExportParams(_field(params, "node"), _field(params, "format")),
    SIZES: lambda params: ChildrenParams(_field(params, "node")),
    VALUES: lambda params: ChildrenParams(_field(params, "node")),
    FILE: lambda params: SourceParams(_field(params, "uri")),
    CAST_PREVIEW: _cast_preview,
    CAST_EDIT: _cast_edit,
    CAST_WRITE: _cast_write,
    TENSOR_PATH: lambda params: TensorPathParams(_field(params, "model"), _field(params, "tensor")),
}


class LoupeProtocol(LanguageServerProtocol):
    """pygls' protocol, with our methods and an answer to every request."""

    def __init__(self, server: LanguageServer, converter: Any) -> None:
        super().__init__(server, converter)
        converter.register_structure_hook(CustomRequest, structure_request)
        for method in _OWN_SYNC:
            self.fm.builtin_features.pop(method)

    def get_message_type(self, method: str) -> type[Any] | None:  # type: ignore[override]
        if method in _PARSERS:
            return CustomRequest
        return super().get_message_type(method)

    def structure_message(self, data: dict[str, Any]) -> Any:
        """Read a message. pygls leaves a request that it cannot read without an answer."""
        try:
            return super().structure_message(data)
        except JsonRpcException as error:
            cause = error.__cause__
            message = str(cause) if isinstance(cause, InvalidParams) else "unexpected parameters"
            answer = InvalidParams(f"{data.get('method', 'response')}: {message}")
            logger.warning("%s", answer)
            if "id" in data and "method" in data:
                self._send_response(data["id"], error=answer.to_response_error())
            raise

    def handle_message(self, message: Any) -> None:
        """Pass a message on, unless it comes before ``initialize`` (the specification's rule)."""
        if not hasattr(message, "jsonrpc"):
            logger.warning("message not understood: it is JSON, but not JSON-RPC")
            return
        method = getattr(message, "method", None)
        if self._workspace is None and method not in (None, types.INITIALIZE, types.EXIT):
            if hasattr(message, "id"):
                error = JsonRpcServerNotInitialized("initialize comes first")
                self._send_response(message.id, error=error.to_response_error())
            return
        super().handle_message(message)


class LoupeServer(LanguageServer):
    """A language server that tells its log, never a pop-up, what went wrong inside it."""

    def __init__(self, name: str, version: str, **options: Any) -> None:
        # One thread reads stdin; the work has the session's own.
        super().__init__(
            name,
            version,
            protocol_cls=LoupeProtocol,
            converter_factory=default_converter,
            max_workers=1,
            **options,
        )
        self._session: Session | None = None

    def start_io(self, stdin: BinaryIO | None = None, stdout: BinaryIO | None = None) -> None:
        """As pygls', with a reader that asks no thread for each line."""
        self._stop_event = stop = Event()
        self.protocol.set_writer(StdoutWriter(stdout or sys.stdout.buffer))
        try:
            asyncio.run(self._read_messages((stdin or sys.stdin.buffer).fileno(), stop))
        except BrokenPipeError:
            logger.error("the client is gone")
        except (KeyboardInterrupt, SystemExit):
            pass
        finally:
            self.shutdown()  # type: ignore[no-untyped-call]

    async def _read_messages(self, descriptor: int, stop: Event) -> None:
        await run_async(
            stop_event=stop,
            reader=StdinReader(descriptor),
            protocol=self.protocol,
            logger=logging.getLogger("pygls.server"),
            error_handler=self.report_server_error,
        )

    @property
    def has_session(self) -> bool:
        """Whether a client has initialized the server."""
        return self._session is not None

    @property
    def session(self) -> Session:
        """The session with the client, which ``initialize`` began."""
        if self._session is None:
            raise RuntimeError("no session before initialize")
        return self._session

    @session.setter
    def session(self, session: Session) -> None:
        self._session = session

    @property
    def was_shut_down(self) -> bool:
        """Whether the client asked for ``shutdown``. pygls' own exit code does not reach its caller."""
        return bool(self.protocol._shutdown)

    def close(self) -> bool:
        """End the session; whether a thread of it is still busy."""
        return self._session is not None and self._session.close()

    def report_server_error(self, error: Exception, source: object) -> None:
        """Called by pygls for every failure. Those that were answered are logged where they were."""
        if source is FeatureRequestError or isinstance(error, JsonRpcException):
            return
        is_garbage = isinstance(error, ValueError)  # not JSON, or not UTF-8
        logger.error("message not understood: %s", error, exc_info=None if is_garbage else error)


def quieten_pygls() -> None:
    """Keep pygls from logging a traceback for each request that was answered with an error on purpose."""

    def is_news(record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        is_answered = isinstance(error, JsonRpcException)
        return not is_answered and not record.msg.startswith(("Unable to deserialize", "Unable to handle"))

    for name in ("pygls.protocol.json_rpc", "pygls.server"):
        logging.getLogger(name).addFilter(is_news)
