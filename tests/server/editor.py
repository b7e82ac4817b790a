"""A real editor's side of the wire: pytest-lsp's client, a server on stdio, models made on the spot."""

from __future__ import annotations

import asyncio
import json
import os
import struct
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
from lsprotocol import types
from pytest_lsp import LanguageClient, client_capabilities, make_test_lsp_client
from safetensors.numpy import save_file

REPOSITORY = Path(__file__).parents[2]
SERVE = (sys.executable, "-m", "model_loupe", "serve")
# Whatever the server asks of its client has to come within this time; a hung test says so early.
SECONDS = 30


def server_environment(home: Path) -> dict[str, str]:
    """The environment of a server that sees this checkout and an empty Hugging Face cache."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("HF_", "MODEL_LOUPE"))
    }
    environment["PYTHONPATH"] = str(REPOSITORY / "server")
    environment["HF_HOME"] = str(home / "huggingface")
    # No test asks the real Hub; those about the Hub bring one of their own.
    environment["HF_HUB_OFFLINE"] = "1"
    environment["MODEL_LOUPE_CACHE_DIR"] = str(home / "model-loupe-cache")
    return environment


# --- models -----------------------------------------------------------------------------------------


def write_model(folder: Path, *, layers: int = 2, dtype: str = "float16", **config: Any) -> Path:
    """A small causal language model: real safetensors, zeros for weights."""
    folder.mkdir(parents=True, exist_ok=True)
    fields = {
        "architectures": ["GemmaForCausalLM"],
        "model_type": "gemma",
        "hidden_size": 8,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 4,
        "num_hidden_layers": layers,
        "vocab_size": 16,
        "torch_dtype": dtype,
        **config,
    }
    (folder / "config.json").write_text(json.dumps(fields))
    tensors = {"model.embed_tokens.weight": np.zeros((16, 8), dtype), "model.norm.weight": np.zeros(8, dtype)}
    for layer in range(layers):
        tensors[f"model.layers.{layer}.self_attn.q_proj.weight"] = np.zeros((8, 8), dtype)
        tensors[f"model.layers.{layer}.mlp.up_proj.weight"] = np.zeros((16, 8), dtype)
    save_file(tensors, str(folder / "model.safetensors"), metadata={"format": "pt"})
    return folder


def write_large_model(folder: Path, tensors: int = 150_000) -> Path:
    """A model whose header takes a good part of a second to read: that many tensors in a sparse file."""
    write_model(folder)
    shape = {"dtype": "F16", "shape": [8, 8]}
    header = json.dumps(
        {
            f"model.layers.{i // 50}.experts.{i % 50}.weight": {
                **shape,
                "data_offsets": [i * 128, i * 128 + 128],
            }
            for i in range(tensors)
        },
        separators=(",", ":"),
    ).encode()
    with (folder / "model.safetensors").open("wb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        file.truncate(8 + len(header) + tensors * 128)
    return folder


def parameters_of(layers: int) -> str:
    """How a card gives the parameters of ``write_model``'s model (its head is tied)."""
    return f"{16 * 8 + 8 + layers * (8 * 8 + 16 * 8):,} parameters"


# --- the editor -------------------------------------------------------------------------------------


def capabilities(
    *,
    refresh: bool = True,
    pull: bool = True,
    markdown: bool = True,
    watch: bool = True,
    encoding: str = "utf-16",
) -> types.ClientCapabilities:
    """What VS Code says that it can do; each flag takes a part of it away."""
    said = client_capabilities("visual_studio_code")
    assert said.workspace and said.text_document and said.text_document.hover and said.general
    workspace, text = said.workspace, said.text_document
    workspace.code_lens = types.CodeLensWorkspaceClientCapabilities(refresh)
    workspace.inlay_hint = types.InlayHintWorkspaceClientCapabilities(refresh)
    workspace.diagnostics = types.DiagnosticWorkspaceClientCapabilities(refresh)
    workspace.did_change_watched_files = types.DidChangeWatchedFilesClientCapabilities(watch)
    text.diagnostic = types.DiagnosticClientCapabilities(code_description_support=True) if pull else None
    kind = types.MarkupKind.Markdown if markdown else types.MarkupKind.PlainText
    text.hover = types.HoverClientCapabilities(content_format=[kind])
    said.general.position_encodings = [types.PositionEncodingKind(encoding)]
    return said


class Document:
    """A document that the editor has open."""

    def __init__(self, editor: Editor, uri: str, text: str) -> None:
        self.editor = editor
        self.uri = uri
        self.text = text
        self.version = 1

    def range(self, of: str) -> types.Range:
        """Where ``of`` first stands in the text, in the units of the session's encoding."""
        before, found, _ = self.text.partition(of)
        assert found, f"{of!r} is not in the text"
        return types.Range(self._position(before), self._position(before + found))

    def _position(self, before: str) -> types.Position:
        lines = before.split("\n")
        return types.Position(len(lines) - 1, self.editor.units(lines[-1]))

    async def hover(self, at: str) -> types.Hover | None:
        """The hover one character into ``at``."""
        place = self.range(at).start
        return await self.hover_at(place.line, place.character + 1)

    async def hover_at(self, line: int, character: int) -> types.Hover | None:
        params = types.HoverParams(types.TextDocumentIdentifier(self.uri), types.Position(line, character))
        return await within(self.editor.client.text_document_hover_async(params))

    async def card(self, at: str) -> str:
        """The text of the hover at ``at``; there has to be one."""
        hover = await self.hover(at)
        assert hover is not None, f"no hover at {at}"
        assert isinstance(hover.contents, types.MarkupContent)
        return hover.contents.value

    async def lenses(self) -> list[types.CodeLens]:
        params = types.CodeLensParams(types.TextDocumentIdentifier(self.uri))
        return list(await within(self.editor.client.text_document_code_lens_async(params)) or [])

    async def titles(self) -> list[tuple[int, str]]:
        """Line and title of each lens."""
        return [(lens.range.start.line, lens.command.title) for lens in await self.lenses() if lens.command]

    async def diagnostics(self) -> list[types.Diagnostic]:
        """What the editor is told when it asks."""
        params = types.DocumentDiagnosticParams(types.TextDocumentIdentifier(self.uri))
        report = await within(self.editor.client.text_document_diagnostic_async(params))
        assert isinstance(report, types.RelatedFullDocumentDiagnosticReport)
        return list(report.items)

    def replace(self, old: str, new: str) -> None:
        """Edit as editors do: the changed range alone is sent."""
        self.change(types.TextDocumentContentChangePartial(self.range(old), new))
        self.text = self.text.replace(old, new, 1)

    def rewrite(self, text: str) -> None:
        """Replace the whole text."""
        self.change(types.TextDocumentContentChangeWholeDocument(text))
        self.text = text

    def change(
        self, change: types.TextDocumentContentChangePartial | types.TextDocumentContentChangeWholeDocument
    ) -> None:
        self.version += 1
        identifier = types.VersionedTextDocumentIdentifier(self.version, self.uri)
        self.editor.client.text_document_did_change(types.DidChangeTextDocumentParams(identifier, [change]))

    def save(self) -> None:
        self.editor.client.text_document_did_save(
            types.DidSaveTextDocumentParams(types.TextDocumentIdentifier(self.uri))
        )

    def close(self) -> None:
        self.editor.client.text_document_did_close(
            types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(self.uri))
        )


class Notebook:
    """A notebook that the editor has open; changes are reported as VS Code reports them."""

    def __init__(self, editor: Editor, uri: str, sources: Sequence[str]) -> None:
        self.editor = editor
        self.uri = uri
        self.version = 1
        self._made = 0
        self.cells = [self._new_cell(source) for source in sources]

    def __getitem__(self, index: int) -> Document:
        return self.cells[index]

    def open(self) -> None:
        document = types.NotebookDocument(
            self.uri, "jupyter-notebook", 1, [_cell(cell) for cell in self.cells]
        )
        self.editor.client.notebook_document_did_open(
            types.DidOpenNotebookDocumentParams(document, [_item(cell) for cell in self.cells])
        )

    def insert(self, index: int, source: str) -> Document:
        cell = self._new_cell(source)
        self.cells.insert(index, cell)
        array = types.NotebookCellArrayChange(index, 0, [_cell(cell)])
        self.restructure(types.NotebookDocumentCellChangeStructure(array, did_open=[_item(cell)]))
        return cell

    def delete(self, index: int) -> None:
        cell = self.cells.pop(index)
        array = types.NotebookCellArrayChange(index, 1, [])
        closed = [types.TextDocumentIdentifier(cell.uri)]
        self.restructure(types.NotebookDocumentCellChangeStructure(array, did_close=closed))

    def move(self, start: int, to: int) -> None:
        """Put a cell elsewhere: the cells in between come in a new order, none with its text."""
        self.cells.insert(to, self.cells.pop(start))
        first, last = sorted((start, to))
        cells = [_cell(cell) for cell in self.cells[first : last + 1]]
        array = types.NotebookCellArrayChange(first, len(cells), cells)
        self.restructure(types.NotebookDocumentCellChangeStructure(array))

    def edit(self, index: int, old: str, new: str) -> None:
        cell = self.cells[index]
        change = types.TextDocumentContentChangePartial(cell.range(old), new)
        cell.text = cell.text.replace(old, new, 1)
        cell.version += 1
        identifier = types.VersionedTextDocumentIdentifier(cell.version, cell.uri)
        content = types.NotebookDocumentCellContentChanges(identifier, [change])
        self.change(types.NotebookDocumentCellChanges(text_content=[content]))

    def restructure(self, structure: types.NotebookDocumentCellChangeStructure) -> None:
        self.change(types.NotebookDocumentCellChanges(structure=structure))

    def change(self, cells: types.NotebookDocumentCellChanges) -> None:
        self.version += 1
        self.editor.client.notebook_document_did_change(
            types.DidChangeNotebookDocumentParams(
                types.VersionedNotebookDocumentIdentifier(self.version, self.uri),
                types.NotebookDocumentChangeEvent(cells=cells),
            )
        )

    def close(self) -> None:
        self.editor.client.notebook_document_did_close(
            types.DidCloseNotebookDocumentParams(
                types.NotebookDocumentIdentifier(self.uri),
                [types.TextDocumentIdentifier(cell.uri) for cell in self.cells],
            )
        )

    def _new_cell(self, source: str) -> Document:
        self._made += 1
        return Document(
            self.editor,
            f"{self.uri.replace('file', 'vscode-notebook-cell')}#W{self._made}sZmlsZQ%3D%3D",
            source,
        )


def _cell(document: Document) -> types.NotebookCell:
    return types.NotebookCell(types.NotebookCellKind.Code, document.uri)


def _item(document: Document) -> types.TextDocumentItem:
    return types.TextDocumentItem(document.uri, "python", document.version, document.text)


class Editor:
    """A session with a server. Counts what the server says of its own accord."""

    def __init__(
        self,
        client: LanguageClient,
        result: types.InitializeResult,
        counts: Counter[str],
        registered: list[types.Registration],
    ) -> None:
        self.client = client
        self.counts = counts
        self.registered = registered
        self.server_capabilities = result.capabilities
        self.encoding = types.PositionEncodingKind(result.capabilities.position_encoding or "utf-16").value

    def units(self, text: str) -> int:
        """How many units of the session's encoding ``text`` takes."""
        width = {"utf-8": 1, "utf-16": 2, "utf-32": 4}[self.encoding]
        return len(text.encode({1: "utf-8", 2: "utf-16-le", 4: "utf-32-le"}[width])) // width

    def open(self, where: Path | str, text: str, *, language: str = "python") -> Document:
        """Open a document: a path, or a URI."""
        document = Document(self, where if isinstance(where, str) else where.as_uri(), text)
        item = types.TextDocumentItem(document.uri, language, 1, text)
        self.client.text_document_did_open(types.DidOpenTextDocumentParams(item))
        return document

    def open_notebook(self, where: Path, *sources: str) -> Notebook:
        """Open a notebook with these code cells."""
        notebook = Notebook(self, where.as_uri(), sources)
        notebook.open()
        return notebook

    async def models(self) -> list[dict[str, Any]]:
        return await self.request("modelLoupe/models", {})

    async def children(self, node: str) -> list[dict[str, Any]]:
        return await self.request("modelLoupe/children", {"node": node})

    async def request(self, method: str, params: object) -> Any:
        """A custom request; its answer as plain lists and dicts."""
        return plain(await within(self.client.protocol.send_request_async(method, params)))

    def changed_files(self, *changes: tuple[Path, types.FileChangeType]) -> None:
        """Report changes on disk, as an editor's file watcher does."""
        events = [types.FileEvent(path.as_uri(), kind) for path, kind in changes]
        self.client.workspace_did_change_watched_files(types.DidChangeWatchedFilesParams(events))

    def settings(self, **section: Any) -> None:
        self.client.workspace_did_change_configuration(
            types.DidChangeConfigurationParams({"modelLoupe": section})
        )

    @property
    def errors_shown(self) -> list[str]:
        """What popped up, and what the log was told as an error."""
        logged = [
            entry.message for entry in self.client.log_messages if entry.type is types.MessageType.Error
        ]
        return [shown.message for shown in self.client.messages] + logged


def plain(value: Any) -> Any:
    """pygls' namedtuples of an untyped answer as dicts."""
    if hasattr(value, "_asdict"):
        return {name: plain(item) for name, item in value._asdict().items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


async def within(work: Awaitable[Any], seconds: float | None = None) -> Any:
    return await asyncio.wait_for(work, seconds or SECONDS)


async def until(condition: Callable[[], bool] | Callable[[], Awaitable[bool]], what: str) -> None:
    """Wait for what the server does in the background."""
    deadline = asyncio.get_running_loop().time() + SECONDS
    while True:
        holds = condition()
        if await holds if asyncio.iscoroutine(holds) else holds:
            return
        assert asyncio.get_running_loop().time() < deadline, f"never happened: {what}"
        await asyncio.sleep(0.02)


@asynccontextmanager
async def session(
    home: Path,
    *,
    folders: tuple[Path, ...] = (),
    settings: Mapping[str, object] | None = None,
    options: Mapping[str, object] | None = None,
    able: types.ClientCapabilities | None = None,
    environment: Mapping[str, str] | None = None,
) -> AsyncIterator[Editor]:
    """An editor with a server of its own; at the end that server has to shut down cleanly."""
    client = make_test_lsp_client()
    await client.start_io(*SERVE, env={**server_environment(home), **(environment or {})}, cwd=home)
    counts = Counter[str]()
    registered: list[types.Registration] = []

    @client.feature(types.WORKSPACE_CODE_LENS_REFRESH)
    def refresh(params: None) -> None:
        counts["lens refresh"] += 1

    @client.feature(types.WORKSPACE_INLAY_HINT_REFRESH)
    def refresh_hints(params: None) -> None:
        counts["inlay refresh"] += 1

    @client.feature("modelLoupe/didChange")
    def did_change(params: dict[str, object]) -> None:
        counts["models changed"] += 1

    @client.feature(types.CLIENT_REGISTER_CAPABILITY)
    def register(params: types.RegistrationParams) -> None:
        registered.extend(params.registrations)

    result = await within(
        client.initialize_session(
            types.InitializeParams(
                capabilities=able or capabilities(),
                workspace_folders=[types.WorkspaceFolder(folder.as_uri(), folder.name) for folder in folders],
                initialization_options={"settings": dict(settings or {}), **(options or {})},
            )
        )
    )
    editor = Editor(client, result, counts, registered)
    yield editor
    await within(client.shutdown_session())
    assert client._server is not None
    assert client._server.returncode == 0
    assert editor.errors_shown == []
    await client.stop()
