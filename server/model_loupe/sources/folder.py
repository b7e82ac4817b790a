"""A model in a folder on this machine (a plain folder, or a snapshot of the Hugging Face cache)."""

from __future__ import annotations

import os
import stat
from functools import cached_property

from model_loupe.checkpoints.files import File
from model_loupe.domain.lean_typing import TYPE_CHECKING
from model_loupe.domain.warnings import Warning

if TYPE_CHECKING:
    from collections.abc import Sequence

    from model_loupe.checkpoints.safetensors_index import Claims

MAX_FILES = 20_000
# Files that name folders of parts, and how many of these are looked into for changes.
_NAMES_PARTS = ("model_index.json", "modules.json")
_MAX_PARTS = 100
_DOWNLOADS = ".cache/huggingface/download"
_PARTIAL_SUFFIXES = (".incomplete", ".part", ".crdownload", ".aria2", ".download")


class FolderFiles:
    """The files of the folder ``root``, without its subfolders.

    ``boundary`` is the folder that links may point into without a word (for a snapshot of the Hugging Face
    cache, whose files are links into ``blobs``, the repository's folder); default ``root`` itself.
    """

    def __init__(self, root: str, boundary: str | None = None) -> None:
        self.root = root
        self._boundary = boundary or root
        self.warnings: list[Warning] = []

    @cached_property
    def boundary(self) -> str:
        """The real path of the folder that links may point into."""
        return os.path.realpath(self._boundary)

    def entries(self) -> dict[str, File]:
        """The regular files, by name; raises OSError if the folder cannot be read."""
        self.warnings = []
        listing: dict[str, File] = {}
        with os.scandir(self.root) as entries:
            for entry in entries:
                if len(listing) >= MAX_FILES:
                    self.warnings.append(
                        Warning("too-many-files", f"only the first {MAX_FILES:,} files are shown")
                    )
                    break
                file = self._file(entry)
                if file:
                    listing[file.name] = file
        return dict(sorted(listing.items()))

    def read(self, name: str, start: int = 0, length: int | None = None) -> bytes:
        """Bytes of one file from ``start``, at most ``length``."""
        with open(os.path.join(self.root, name), "rb", buffering=0) as file:
            if start:
                file.seek(start)
            if length is None:
                return file.read()
            chunks = []
            while length > 0 and (chunk := file.read(length)):
                chunks.append(chunk)
                length -= len(chunk)
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def fingerprint(self) -> tuple[tuple[str, int, int, int], ...]:
        """What changes when a file of the model does: name, size, modification time (ns) and inode."""
        marks, folders = self._marks()
        if any(mark[0] in _NAMES_PARTS for mark in marks):
            for folder in sorted(folders)[:_MAX_PARTS]:
                below = self.below(folder)
                found = below._marks()[0] if below else []
                marks += [(f"{folder}/{mark[0]}", *mark[1:]) for mark in found]
        return tuple(sorted(marks))

    def _marks(self) -> tuple[list[tuple[str, int, int, int]], list[str]]:
        marks: list[tuple[str, int, int, int]] = []
        folders: list[str] = []
        with os.scandir(self.root) as entries:
            for entry in entries:
                try:
                    found = entry.stat()
                except OSError:
                    found = None
                if found is None:
                    marks.append((entry.name, -1, -1, -1))
                else:
                    marks.append((entry.name, found.st_size, found.st_mtime_ns, found.st_ino))
                if found is not None and stat.S_ISDIR(found.st_mode):
                    folders.append(entry.name)
        return marks, folders

    def _file(self, entry: os.DirEntry[str]) -> File | None:
        try:
            found = entry.stat()
        except OSError:
            # A link to nothing: in the Hugging Face cache, a blob that was deleted.
            return File(entry.name, None, present=False) if entry.is_symlink() else None
        # Opening a pipe would wait for ever, a device may never end.
        if not stat.S_ISREG(found.st_mode):
            return None
        if entry.is_symlink() and not self._inside(os.path.realpath(entry.path)):
            message = f"{entry.name} is a link that leaves the model's folder"
            self.warnings.append(Warning("link-outside", message))
        return File(entry.name, found.st_size)

    def _inside(self, path: str) -> bool:
        return path == self.boundary or path.startswith(self.boundary + os.sep)

    def below(self, name: str) -> FolderFiles | None:
        """The files of the subfolder ``name``; None if there is no such folder."""
        root = os.path.join(self.root, name)
        return FolderFiles(root, self._boundary) if os.path.isdir(root) else None

    def download_warnings(self) -> list[Warning]:
        """Downloads that did not finish and cannot be told by file."""
        return []

    def foresee(self, names: Sequence[str], claims: Claims | None) -> None:
        """Nothing: a disk answers one read after the other soonest."""

    def unfinished_download(self, name: str) -> str | None:
        """The partial file of a download of ``name``: a browser's or tool's, or huggingface_hub's.

        ``hf download --local-dir`` writes ``<base64 of sha1 of the metadata file's name>.<etag>.incomplete``
        (``LocalDownloadFilePaths`` in huggingface_hub's ``_local_folder.py``).
        """
        for suffix in _PARTIAL_SUFFIXES:
            if os.path.exists(os.path.join(self.root, name + suffix)):
                return name + suffix
        try:
            begun = os.listdir(os.path.join(self.root, _DOWNLOADS))
        except OSError:
            return None
        import hashlib
        from base64 import urlsafe_b64encode

        digest = hashlib.sha1(f"{name}.metadata".encode(), usedforsecurity=False).digest()
        mark = urlsafe_b64encode(digest).decode() + "."
        partial = next(
            (left for left in begun if left.startswith(mark) and left.endswith(".incomplete")), None
        )
        return f"{_DOWNLOADS}/{partial}" if partial else None


class SingleFile(FolderFiles):
    """One checkpoint file by itself, with the config and tokenizer files of its folder beside it."""

    def __init__(self, path: str) -> None:
        super().__init__(os.path.dirname(path) or ".")
        name = os.path.basename(path)
        self._names = {name, "config.json", "tokenizer_config.json", "tokenizer.json"}
        if name.lower().endswith(".gguf"):
            from model_loupe.checkpoints.gguf.splits import parts_of

            self._names.update(parts_of(name))

    def entries(self) -> dict[str, File]:
        """That file and its side files; links that leave the folder are the user's own choice here."""
        listing = {name: file for name, file in super().entries().items() if name in self._names}
        self.warnings = []
        return listing

    def fingerprint(self) -> tuple[tuple[str, int, int, int], ...]:
        """As of the folder, for the files listed here."""
        return tuple(mark for mark in super().fingerprint() if mark[0] in self._names)
