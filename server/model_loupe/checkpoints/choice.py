"""Which of a model's files ``from_pretrained`` would take its weights from.

The choice is that of ``_get_resolved_checkpoint_files`` in transformers' ``modeling_utils.py``: the file
that ``config.transformers_weights`` names, else ``model.safetensors``, else its index, else
``pytorch_model.bin``, else its index, each with the variant's suffix; formats are never summed.
``use_safetensors`` leaves one format out and ``gguf_file`` names its file outright. A folder without any of
these names is described from the weight files that it has, and says so.
"""

from __future__ import annotations

from model_loupe.checkpoints.files import FORMAT_TITLES, File, Files, format_of, unreadable
from model_loupe.checkpoints.safetensors_index import (
    MAX_INDEX_BYTES,
    Claims,
    Index,
    is_safe_name,
    parse_index,
)
from model_loupe.domain.lean_typing import TYPE_CHECKING, NamedTuple
from model_loupe.domain.warnings import Warning

if TYPE_CHECKING:
    from collections.abc import Callable

_SHARD = r"^(.*)-(\d{5})-of-(\d{5})\.safetensors$"
# Names under which libraries keep one model's weights: transformers' own, then those of diffusers and PEFT.
_SAFETENSORS_STEMS = ("model", "diffusion_pytorch_model", "adapter_model")
_PICKLE_STEMS = ("pytorch_model", "diffusion_pytorch_model", "adapter_model")
# What trainers keep beside the weights.
_NO_WEIGHTS = ("training_args", "optimizer", "scheduler", "rng_state", "scaler")
_MAX_SHARDS = 10_000


class Selection(NamedTuple):
    """The arguments of a call that decide which files are taken, as ``from_pretrained`` names them."""

    variant: str | None = None
    use_safetensors: bool | None = None
    gguf_file: str | None = None


class Choice(NamedTuple):
    """The files taken, by name, also those that are not there; with the index that names them, if any."""

    shards: list[str]
    shard_index: Index | None = None
    claims: Claims | None = None


class _Finder(NamedTuple):
    files: Files
    listing: dict[str, File]
    selection: Selection
    warnings: list[Warning]

    @property
    def suffix(self) -> str:
        return f".{self.selection.variant}" if self.selection.variant else ""


def choose(
    files: Files,
    listing: dict[str, File],
    selection: Selection,
    explicit: object,
    warnings: list[Warning],
) -> Choice:
    """The files that hold the weights. ``explicit`` is the config's ``transformers_weights``.

    What keeps a named file from being taken, and every guess, is added to ``warnings``.
    """
    finder = _Finder(files, listing, selection, warnings)
    if selection.gguf_file is not None:
        return _named_gguf(finder, selection.gguf_file)
    if isinstance(explicit, str) and explicit and explicit != "adapter_model.bin":
        return _explicit(finder, explicit)
    for look in _looks(selection):
        found = look(finder)
        if found:
            return found
    return _unusual(finder)


def _looks(selection: Selection) -> list[Callable[[_Finder], Choice | None]]:
    looks: list[Callable[[_Finder], Choice | None]] = []
    if selection.use_safetensors is not False:
        looks.append(_safetensors)
    if not selection.use_safetensors:
        looks.append(_pickles)
    return looks


def _safetensors(finder: _Finder) -> Choice | None:
    return _by_stem(finder, _SAFETENSORS_STEMS, "safetensors")


def _pickles(finder: _Finder) -> Choice | None:
    return _by_stem(finder, _PICKLE_STEMS, "bin")


def _by_stem(finder: _Finder, stems: tuple[str, ...], extension: str) -> Choice | None:
    for stem in stems:
        single = f"{stem}{finder.suffix}.{extension}"
        if single in finder.listing:
            return Choice([single])
        found = _indexed(finder, f"{stem}.{extension}.index{finder.suffix}.json")
        if found:
            return found
    return None


def _indexed(finder: _Finder, name: str) -> Choice | None:
    file = finder.listing.get(name)
    found = _read_index(finder.files, file, finder.warnings) if file else None
    return Choice(found[0].shards, *found) if found and found[0].shards else None


def _read_index(files: Files, file: File, warnings: list[Warning]) -> tuple[Index, Claims] | None:
    if not file.present:
        warnings.append(Warning("missing-file", f"{file.name} is a broken link"))
        return None
    if (file.nbytes or 0) > MAX_INDEX_BYTES:
        warnings.append(Warning("bad-index", f"{file.name} is larger than any index ({file.nbytes:,} bytes)"))
        return None
    try:
        raw = files.read(file.name)
    except OSError as error:
        warnings.append(unreadable(file.name, error))
        return None
    return parse_index(raw, file.name, warnings)


def _named_gguf(finder: _Finder, name: str) -> Choice:
    if not is_safe_name(name):
        message = f"gguf_file={name!r} is not inside the model's folder"
        finder.warnings.append(Warning("bad-file-name", message))
        return Choice([])
    from model_loupe.checkpoints.gguf.splits import parts_of

    return Choice(list(parts_of(name)))


def _explicit(finder: _Finder, name: str) -> Choice:
    """The file that the config names: transformers then looks for no other."""
    is_index = name.endswith(".safetensors.index.json")
    if not is_safe_name(name) or not (is_index or name.endswith(".safetensors")):
        message = f"transformers_weights of config.json is no safetensors file of this folder: {name[:80]}"
        finder.warnings.append(Warning("bad-file-name", message))
        return Choice([])
    return (_indexed(finder, name) if is_index else None) or Choice([name])


# --- folders in which transformers would find nothing ---------------------------------------------------


def _unusual(finder: _Finder) -> Choice:
    selection = finder.selection
    if selection.variant:
        message = f"no model.{selection.variant}.safetensors here: this model has no such variant"
        finder.warnings.append(Warning("no-such-variant", message))
        return Choice([])
    if selection.use_safetensors and _pickles(finder._replace(warnings=[])):
        message = "use_safetensors=True, but the weights here are PyTorch pickles alone"
        finder.warnings.append(Warning("no-safetensors", message))
        return Choice([])
    if selection.use_safetensors is False and _safetensors(finder._replace(warnings=[])):
        message = "use_safetensors=False, but the weights here are safetensors alone"
        finder.warnings.append(Warning("no-pickle", message))
        return Choice([])
    return Choice(_other_safetensors(finder) or _other_pickle(finder.listing) or _other_gguf(finder))


def _other_pickle(listing: dict[str, File]) -> list[str]:
    """The one pickle of another name, if there is just one that can hold weights."""
    names = [name for name in listing if format_of(name) == "pickle" and not name.startswith(_NO_WEIGHTS)]
    return names if len(names) == 1 else []


def _other_gguf(finder: _Finder) -> list[str]:
    """The parts of one GGUF model: the encoding that llama.cpp takes by itself, Q4_K_M, else the first."""
    if not any(format_of(name) == "gguf" for name in finder.listing):
        return []
    from model_loupe.checkpoints.gguf.splits import split_files

    sets = split_files(finder.listing)
    models = [each for each in sets if each.role == "model"] or sets
    chosen = next((each for each in models if each.label.upper() == "Q4_K_M"), models[0])
    if len(models) > 1:
        others = ", ".join(each.label for each in models if each is not chosen)
        message = (
            f"several GGUF encodings, of which {chosen.label} is described; alternatives: {others[:200]}"
        )
        finder.warnings.append(Warning("ambiguous-weights", message))
    return list(chosen.files)


def _other_safetensors(finder: _Finder) -> list[str]:
    listing, warnings = finder.listing, finder.warnings
    names = sorted(name for name in listing if name.endswith(".safetensors") and "/" not in name)
    # Mistral's own twin of the same weights: never what from_pretrained takes.
    names = [name for name in names if not name.startswith("consolidated")] or names
    if len(names) <= 1:
        return names
    import re

    shards = [match for match in (re.match(_SHARD, name) for name in names) if match]
    if shards and len(shards) == len(names) and len({match.group(1, 3) for match in shards}) == 1:
        stem, total = shards[0].group(1, 3)
        warnings.append(
            Warning("missing-index", f"no {stem}.safetensors.index.json beside the {total} shards")
        )
        if int(total) > _MAX_SHARDS:
            return names
        return [f"{stem}-{number:05d}-of-{total}.safetensors" for number in range(1, int(total) + 1)]
    largest = max(names, key=lambda name: listing[name].nbytes or 0)
    others = ", ".join(name for name in names if name != largest)
    message = f"several safetensors files and no index: taking the largest, {largest} (not {others[:200]})"
    warnings.append(Warning("ambiguous-weights", message))
    return [largest]


# --- the others -----------------------------------------------------------------------------------------


def not_taken(listing: dict[str, File], shards: list[str]) -> dict[str, str]:
    """The files of weights that are none of ``shards``, the files taken, each with the reason."""
    taken = set(shards)
    form = format_of(shards[0]) if shards else None
    others = ((name, _why_not(name, form)) for name in listing if name not in taken)
    return {name: reason for name, reason in others if reason}


def _why_not(name: str, taken: str | None) -> str | None:
    """``taken`` is the format of the files taken; None for a file that holds no weights."""
    form = format_of(name)
    if form is None:
        return None
    if name.startswith(_NO_WEIGHTS) and form == "pickle":
        return "state of a training run, no weights of the model"
    if form in FORMAT_TITLES:
        return f"{FORMAT_TITLES[form]}, which from_pretrained does not take"
    if taken is None:
        return "not among the names that from_pretrained looks for"
    if form != taken:
        return f"the {_FORMAT_NAMES.get(taken, taken)} weights are taken, formats are never mixed"
    if form == "gguf":
        return _GGUF_ROLES.get(_gguf_role(name), "another encoding of the model: GGUF files are alternatives")
    if name.startswith("consolidated"):
        return "the same weights under another library's names"
    return "not among the files that this call takes"


def _gguf_role(name: str) -> str:
    from model_loupe.checkpoints.gguf.splits import split_files

    return split_files([name])[0].role


_GGUF_ROLES = {
    "mmproj": "the vision or audio part, which llama.cpp loads beside the model",
    "imatrix": "an importance matrix for quantising, no weights of the model",
    "lora": "an adapter, which llama.cpp loads beside the model",
    "vocab": "a vocabulary alone",
}
_FORMAT_NAMES = {"pickle": "PyTorch", "gguf": "GGUF"}
