"""A repository on the Hub as the ``Files`` of a model: the same to the rest of the program as a folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from model_loupe.checkpoints.files import File, format_of
from model_loupe.checkpoints.safetensors_index import Claims
from model_loupe.domain.warnings import Warning
from model_loupe.sources.hub.errors import bad_answer
from model_loupe.sources.hub.hub import Repository

# Most headers of single-file models end within this; a longer one takes a second request for the rest.
FIRST_READ = 48 * 1024
_WHOLE_FILE = 64 * 1024
# What stands around a tensor's name in a header: `"":{"dtype":"","shape":[],"data_offsets":[,]},` with a
# dtype and a shape of two dimensions. The digits of the two offsets come on top.
_ENTRY = 46 + 7 + 11
_HEADER_MARGIN = 256


class HubFiles:
    """The files of a repository at its commit, of one folder in it. Reading raises HubError, no OSError."""

    def __init__(self, repository: Repository, folder: str = "", names: frozenset[str] | None = None) -> None:
        self.repository = repository
        self.folder = folder
        self._names = names
        self.warnings: list[Warning] = []
        if repository.stale is not None:
            message = f"as last told by the Hub, which cannot be asked now: {repository.stale.message}"
            self.warnings.append(Warning(repository.stale.code, message))

    @property
    def root(self) -> str:
        """The address of the folder's page."""
        info = self.repository.info
        page = f"{self.repository.hub.endpoint}/{info.repo_id}/tree/{info.commit}"
        return f"{page}/{self.folder}" if self.folder else page

    def entries(self) -> dict[str, File]:
        """The files of the folder, without its subfolders, by name."""
        prefix = f"{self.folder}/" if self.folder else ""
        found = {
            name.removeprefix(prefix): size
            for name, size in self.repository.info.files.items()
            if name.startswith(prefix) and "/" not in name.removeprefix(prefix)
        }
        return {
            name: File(name, size)
            for name, size in sorted(found.items())
            if self._names is None or name in self._names
        }

    def only(self, *names: str) -> HubFiles:
        """Of these files the ones with these names."""
        return HubFiles(self.repository, self.folder, frozenset(names))

    def read(self, name: str, start: int = 0, length: int | None = None) -> bytes:
        """Bytes of one file from ``start``, at most ``length``."""
        path = self._path(name)
        size = self.repository.info.files.get(path)
        if size is None:
            raise bad_answer(self.repository.asked, f"the size of {name} is not told")
        wanted = size - start if length is None else min(length, size - start)
        if wanted <= 0:
            return b""
        known = self.repository.contents.known_from(path, start)
        if known and start == 0 and format_of(path) == "safetensors":
            # What was foreseen mostly has the whole header, and its first bytes say whether.
            return self.repository.read(path, start, min(known, wanted))
        ahead = max(wanted, _least(path, start, size)) if known < wanted else wanted
        return self.repository.read(path, start, min(ahead, size - start))[:wanted]

    def foresee(self, names: Sequence[str], claims: Claims | None) -> None:
        """Fetches the headers of shards at once, as long as the index lets them be expected."""
        sizes = self.repository.info.files
        lengths = _header_lengths(claims, names, lambda name: sizes.get(self._path(name)) or 0)
        present = (
            (self._path(name), length) for name, length in lengths.items() if self._path(name) in sizes
        )
        self.repository.read_all([(path, 0, min(length, sizes[path] or 0)) for path, length in present])

    def fingerprint(self) -> tuple[tuple[str, int, int, int], ...]:
        """What changes when a file does: the commit, which is in the address."""
        return ((self.root, 0, 0, 0),)

    def below(self, name: str) -> HubFiles | None:
        """The files of the subfolder ``name``; None if there is no such folder."""
        folder = self._path(name)
        if any(file.startswith(f"{folder}/") for file in self.repository.info.files):
            return HubFiles(self.repository, folder)
        return None

    def download_warnings(self) -> list[Warning]:
        """None: nothing is downloaded."""
        return []

    def unfinished_download(self, name: str) -> str | None:
        """None: nothing is downloaded."""
        return None

    def _path(self, name: str) -> str:
        return f"{self.folder}/{name}" if self.folder else name


def _least(path: str, start: int, size: int) -> int:
    """How much is asked for at least: one longer answer is faster than two."""
    if size <= _WHOLE_FILE:
        return size
    return FIRST_READ if start == 0 and format_of(path) == "safetensors" else 0


def _header_lengths(
    claims: Claims | None, names: Sequence[str], size_of: Callable[[str], int]
) -> dict[str, int]:
    """How long each shard's header will be at most, most probably."""
    shards = [name for name in names if format_of(name) == "safetensors"]
    if len(shards) < 2:
        return {}
    if claims is None:
        return dict.fromkeys(shards, FIRST_READ)
    lengths = dict.fromkeys(shards, 8 + _HEADER_MARGIN)
    around = {name: _ENTRY + 2 * len(str(size_of(name))) for name in shards}
    for tensor, name in claims.weight_map().items():
        if name in lengths:
            lengths[name] += len(tensor.encode()) + around[name]
    return lengths
