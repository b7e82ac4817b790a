"""What the server says of its own accord, in the terms that this client understands."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from model_loupe.lsp.protocol import DID_CHANGE, LoupeServer
from model_loupe.lsp.settings import SECTION

logger = logging.getLogger(__name__)

WATCHED = ("**/*.safetensors", "**/*.safetensors.index.json", "**/config.json", "**/*.py", "**/*.ipynb")


class Progress:
    """Work that is reported of until its ``end``."""

    def __init__(self, server: LoupeServer, token: int | str | None) -> None:
        self._server = server
        self._token = token

    @property
    def cancelled(self) -> bool:
        """Whether somebody pressed the cancel button."""
        return self._token is not None and self._server.work_done_progress.tokens[self._token].cancelled()

    def report(self, message: str, percentage: int) -> None:
        """How far it is."""
        if self._token is not None:
            report = types.WorkDoneProgressReport(message=message, percentage=percentage)
            self._server.work_done_progress.report(self._token, report)

    def end(self) -> None:
        """It is over."""
        if self._token is not None:
            self._server.work_done_progress.end(self._token, types.WorkDoneProgressEnd())


class Client:
    """The other end of the wire. Call from the event loop's thread alone."""

    def __init__(self, server: LoupeServer, capabilities: types.ClientCapabilities) -> None:
        self._server = server
        workspace = capabilities.workspace or types.WorkspaceClientCapabilities()
        text = capabilities.text_document or types.TextDocumentClientCapabilities()
        lens, diagnostics = workspace.code_lens, workspace.diagnostics
        self.refreshes_code_lenses = bool(lens and lens.refresh_support)
        self.refreshes_inlay_hints = bool(workspace.inlay_hint and workspace.inlay_hint.refresh_support)
        self.refreshes_diagnostics = bool(diagnostics and diagnostics.refresh_support)
        window = capabilities.window or types.WindowClientCapabilities()
        self.shows_documents = bool(window.show_document and window.show_document.support)
        self.pulls_diagnostics = text.diagnostic is not None
        shown = text.diagnostic or text.publish_diagnostics
        self.links_codes = bool(shown and shown.code_description_support)
        self.answers_configuration = bool(workspace.configuration)
        files, configuration = workspace.did_change_watched_files, workspace.did_change_configuration
        self._registers_files = bool(files and files.dynamic_registration)
        self._registers_configuration = bool(configuration and configuration.dynamic_registration)
        formats = text.hover.content_format if text.hover else None
        # Of URIs that the client opens with modelLoupe/source: JupyterLab opens no file beyond its folder.
        ours = _experimental(capabilities)
        scheme = ours.get("sourceScheme")
        self.source_scheme = scheme if isinstance(scheme, str) else None
        # JupyterLab tells every server what ours is told: one that it does not serve must not believe it.
        self.shows_progress = bool(window.work_done_progress) or ours.get("workDoneProgress") is True
        # A client that says nothing gets Markdown: it is what hovers were before formats could be named.
        self.renders_markdown = not formats or types.MarkupKind.Markdown in formats

    @property
    def watches_files(self) -> bool:
        """Whether changes of files are reported (once ``register`` was answered)."""
        return self._registers_files

    async def register(self) -> None:
        """Ask for changes of files and settings, where the client takes such wishes."""
        registrations = []
        if self._registers_files:
            watchers = [types.FileSystemWatcher(glob_pattern=pattern) for pattern in WATCHED]
            options: Any = types.DidChangeWatchedFilesRegistrationOptions(watchers)
            method = types.WORKSPACE_DID_CHANGE_WATCHED_FILES
            registrations.append(types.Registration("model-loupe-files", method, options))
        if self._registers_configuration:
            options = types.DidChangeConfigurationRegistrationOptions(section=SECTION)
            method = types.WORKSPACE_DID_CHANGE_CONFIGURATION
            registrations.append(types.Registration("model-loupe-settings", method, options))
        if registrations:
            try:
                await self._server.client_register_capability_async(types.RegistrationParams(registrations))
            except JsonRpcException as error:
                logger.warning("the client took no registration: %s", error)

    async def configuration(self) -> object:
        """The client's settings, where it can be asked for them."""
        item = types.ConfigurationItem(section=SECTION)
        try:
            answer = await self._server.workspace_configuration_async(types.ConfigurationParams([item]))
        except JsonRpcException as error:
            logger.warning("the client gave no settings: %s", error)
            return None
        return answer[0] if answer else None

    def partial(self, token: int | str, value: dict[str, Any]) -> None:
        """A part of an answer that is still being made."""
        self._server.protocol.notify(types.PROGRESS, types.ProgressParams(token, value))

    def begin_reporting(self, token: int | str | None, title: str) -> Progress:
        """Begin to report of a request's own work, under the token that came with it, if one did."""
        if token is not None:
            begin = types.WorkDoneProgressBegin(title, cancellable=True, percentage=0)
            self._server.work_done_progress.begin(token, begin)
        return Progress(self._server, token)

    def models_changed(self) -> None:
        self._server.protocol.notify(DID_CHANGE, {})

    def refresh_code_lenses(self) -> None:
        if self.refreshes_code_lenses:
            self._server.workspace_code_lens_refresh(None)

    def refresh_inlay_hints(self) -> None:
        if self.refreshes_inlay_hints:
            self._server.workspace_inlay_hint_refresh(None)

    def refresh_diagnostics(self) -> None:
        if self.refreshes_diagnostics:
            self._server.workspace_diagnostic_refresh(None)

    def publish(self, uri: str, version: int | None, diagnostics: Sequence[types.Diagnostic]) -> None:
        self._server.text_document_publish_diagnostics(
            types.PublishDiagnosticsParams(uri, diagnostics, version)
        )

    def warn(self, message: str) -> None:
        """Why something that was asked for could not be done, for the eyes of who asked."""
        self._server.window_show_message(types.ShowMessageParams(types.MessageType.Warning, message))

    async def show_page(self, address: str) -> bool:
        """Have a page of the web opened; False where the client opens none."""
        if self.shows_documents:
            await self._server.window_show_document_async(types.ShowDocumentParams(address, external=True))
        return self.shows_documents

    async def begin_progress(self, title: str, message: str) -> Progress:
        """Begin to report of work that takes a while; nothing is seen of it where the client shows none."""
        token = str(uuid4())
        if not self.shows_progress:
            return Progress(self._server, None)
        await self._server.work_done_progress.create_async(token)
        begin = types.WorkDoneProgressBegin(title, cancellable=True, message=message, percentage=0)
        self._server.work_done_progress.begin(token, begin)
        return Progress(self._server, token)

    def log(self, kind: types.MessageType, message: str) -> None:
        """One line for the client's log."""
        self._server.window_log_message(types.LogMessageParams(kind, message))


def _experimental(capabilities: types.ClientCapabilities) -> dict[str, Any]:
    """What the client says under our name that it does beyond the protocol."""
    told = getattr(capabilities, "experimental", None)
    ours = told.get(SECTION) if isinstance(told, dict) else None
    return ours if isinstance(ours, dict) else {}
