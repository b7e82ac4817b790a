"""Which function answers which method: the one place that registers, and that guards what is registered.

A feature that fails answers as if it had nothing to say; the failure goes to the log, and the other features
do not notice.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from functools import partial
from inspect import iscoroutinefunction
from typing import Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException, JsonRpcInternalError

from model_loupe.domain.errors import LoupeError
from model_loupe.lsp.features import (
    arguments,
    cast_edit,
    cast_preview,
    cast_write,
    children,
    code_action,
    code_lens,
    compare,
    completion,
    definition,
    diagnostics,
    did_change_configuration,
    did_change_watched_files,
    did_change_workspace_folders,
    document_link,
    execute_command,
    export,
    file,
    hover,
    initialize,
    inlay_hint,
    models,
    notebook_document,
    print_model,
    references,
    rest,
    sizes,
    source,
    tensor_path,
    text_document,
    values,
)
from model_loupe.lsp.protocol import (
    CAST_EDIT,
    CAST_PREVIEW,
    CAST_WRITE,
    CHILDREN,
    COMPARE,
    EXPORT,
    FILE,
    MODELS,
    PRINT_MODEL,
    SIZES,
    SOURCE,
    TENSOR_PATH,
    VALUES,
    LoupeServer,
)

logger = logging.getLogger(__name__)

_REQUESTS: dict[str, Callable[..., Awaitable[Any]]] = {
    types.TEXT_DOCUMENT_HOVER: hover.hover,
    types.TEXT_DOCUMENT_CODE_ACTION: code_action.code_action,
    types.TEXT_DOCUMENT_CODE_LENS: code_lens.code_lens,
    types.TEXT_DOCUMENT_INLAY_HINT: inlay_hint.inlay_hint,
    types.TEXT_DOCUMENT_DOCUMENT_LINK: document_link.document_link,
    types.TEXT_DOCUMENT_REFERENCES: references.references,
    MODELS: models.models,
    CHILDREN: children.children,
    PRINT_MODEL: print_model.print_model,
    SOURCE: source.source,
    COMPARE: compare.compare,
    EXPORT: export.export,
    SIZES: sizes.sizes,
    VALUES: values.values,
    FILE: file.file,
    CAST_PREVIEW: cast_preview.cast_preview,
    CAST_EDIT: cast_edit.cast_edit,
    CAST_WRITE: cast_write.cast_write,
    TENSOR_PATH: tensor_path.tensor_path,
    types.TEXT_DOCUMENT_DEFINITION: definition.definition,
}

_NOTIFICATIONS: dict[str, Callable[..., Any]] = {
    types.INITIALIZED: initialize.initialized,
    types.TEXT_DOCUMENT_DID_OPEN: text_document.did_open,
    types.TEXT_DOCUMENT_DID_CHANGE: text_document.did_change,
    types.TEXT_DOCUMENT_DID_CLOSE: text_document.did_close,
    types.TEXT_DOCUMENT_DID_SAVE: rest.did_save,
    types.NOTEBOOK_DOCUMENT_DID_OPEN: notebook_document.did_open,
    types.NOTEBOOK_DOCUMENT_DID_CHANGE: notebook_document.did_change,
    types.NOTEBOOK_DOCUMENT_DID_CLOSE: notebook_document.did_close,
    types.NOTEBOOK_DOCUMENT_DID_SAVE: rest.did_save_notebook,
    types.WORKSPACE_DID_CHANGE_CONFIGURATION: did_change_configuration.did_change_configuration,
    types.WORKSPACE_DID_CHANGE_WATCHED_FILES: did_change_watched_files.did_change_watched_files,
    types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS: did_change_workspace_folders.did_change_workspace_folders,
}


def register(server: LoupeServer) -> None:
    """Tell pygls of every feature."""
    server.feature(types.INITIALIZE)(partial(_begin, server))
    for method, function in _REQUESTS.items():
        server.feature(method)(_guarded_request(server, method, function))
    method = types.TEXT_DOCUMENT_COMPLETION
    server.feature(method, completion.OPTIONS)(_guarded_request(server, method, completion.completion))
    method = types.TEXT_DOCUMENT_SIGNATURE_HELP
    server.feature(method, arguments.SIGNATURE_OPTIONS)(
        _guarded_request(server, method, arguments.signature_help)
    )
    for name, command in execute_command.COMMANDS.items():
        server.command(name)(_guarded_command(server, name, command))
    for method, function in _NOTIFICATIONS.items():
        server.feature(method)(_guarded_notification(server, method, function))


def _begin(server: LoupeServer, params: types.InitializeParams) -> None:
    if server.has_session:
        # jupyter-lsp gives every JupyterLab tab the same process, and each tab initializes it.
        initialize.join(server.session, params)
        return
    session = initialize.initialize(server, params)
    server.session = session
    session.on_document = [
        partial(diagnostics.push_later, session),
        partial(models.notice, session),
        partial(rest.notice, session),
    ]
    session.on_change = [
        session.client.models_changed,
        session.client.refresh_code_lenses,
        session.client.refresh_inlay_hints,
        partial(diagnostics.refresh, session),
    ]
    # Offered to clients that pull alone: the others would get each diagnostic twice.
    if session.client.pulls_diagnostics:
        method = types.TEXT_DOCUMENT_DIAGNOSTIC
        # One document's diagnostics do not depend on another's. Cells of a notebook do: where one changes
        # what another loads, the server asks for a refresh itself (``models.notice``).
        options = types.DiagnosticOptions(
            inter_file_dependencies=False, workspace_diagnostics=False, identifier=diagnostics.SOURCE
        )
        server.feature(method, options)(_guarded_request(server, method, diagnostics.diagnostic))


def _guarded_request(
    server: LoupeServer, method: str, function: Callable[..., Awaitable[Any]]
) -> Callable[[Any], Awaitable[Any]]:
    async def answer(params: Any) -> Any:
        try:
            return await function(server.session, params)
        except JsonRpcException:
            raise
        except Exception:
            _report(server, method)
            # Nobody misses one hover, but a sidebar should not look empty for a fault of ours.
            if method.startswith("modelLoupe/") or method == types.TEXT_DOCUMENT_DIAGNOSTIC:
                raise JsonRpcInternalError("Model Loupe failed on this request; see its log") from None
            return None

    return answer


def _guarded_command(
    server: LoupeServer, name: str, function: Callable[..., Awaitable[str | None]]
) -> Callable[..., Awaitable[str | None]]:
    async def execute(*arguments: Any) -> str | None:
        try:
            return await function(server.session, *arguments)
        except LoupeError as error:
            server.session.client.warn(error.message)
        except Exception:
            _report(server, name)
        return None

    return execute


def _guarded_notification(
    server: LoupeServer, method: str, function: Callable[..., Any]
) -> Callable[[Any], Any]:
    async def act_later(params: Any) -> None:
        try:
            await function(server.session, params)
        except Exception:
            _report(server, method)

    def act(params: Any) -> None:
        try:
            function(server.session, params)
        except Exception:
            _report(server, method)

    return act_later if iscoroutinefunction(function) else act


def _report(server: LoupeServer, method: str) -> None:
    logger.exception("%s failed", method)
    server.session.client.log(types.MessageType.Error, f"{method} failed; the server's stderr says why")
