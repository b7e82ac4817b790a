"""What is known of a model once its files were looked at."""

from __future__ import annotations

from model_loupe.checkpoints.choice import Selection
from model_loupe.checkpoints.config import architecture_class, declared_dtype, model_type, parse_json_object
from model_loupe.checkpoints.files import FORMAT_TITLES, File, Files, format_of
from model_loupe.checkpoints.weights import Weights, is_long, read_weights
from model_loupe.domain.dimensions import Dimensions, dimensions
from model_loupe.domain.dtypes import BY_NAME, canonical_name
from model_loupe.domain.experts import Experts, experts_of, mtp_prefixes
from model_loupe.domain.kv_cache import KvCache, kv_cache
from model_loupe.domain.lean_typing import TYPE_CHECKING, NamedTuple
from model_loupe.domain.loading import LoadDtype, LoadOptions, bytes_at, load_dtype
from model_loupe.domain.parameters import CountingFacts, ParameterCount, count_parameters
from model_loupe.domain.quantization import Scheme, declared_quantization, quantization_by_names, scheme_of
from model_loupe.domain.warnings import Warning
from model_loupe.inspector.environment import installed_version
from model_loupe.sources.locate import Location, ModelRequest

if TYPE_CHECKING:
    from typing import Any

    from model_loupe.checkpoints.adapter import Adapter
    from model_loupe.domain.architecture import Architecture, Placement
    from model_loupe.domain.errors import LoupeError
    from model_loupe.inspector.remembered import Entry

_MAX_SIDE_FILE = 20_000_000
_TOKENIZER_FILES = (
    "tokenizer_config.json",
    "tokenizer.json",
    "tokenizer.model",
    "spiece.model",
    "sentencepiece.bpe.model",
    "vocab.txt",
)
_LICENSE_MARKS = "._+ -"


class Tokenizer(NamedTuple):
    """``vocab_size`` is the model's (rows of the embedding), as its config gives it."""

    class_name: str | None
    vocab_size: int | None


class Part(NamedTuple):
    """A part of a model; ``folder`` is where it lies ("": in the model's own files).

    ``parameters`` and ``nbytes`` are None where its weights are not all known, 0 where it has none.
    """

    name: str
    class_name: str | None
    library: str | None
    folder: str
    parameters: int | None
    nbytes: int | None


class Description(NamedTuple):
    """A model, as its files tell it.

    ``path`` is absolute, or the page of a model on the Hub; ``commit`` is set for the cache and the Hub,
    ``latest`` where the Hub has a newer one than the cache.

    ``pipeline`` is the library of a model that lies in several folders, and ``parts`` are what it is made of.
    ``adapter`` is set for a PEFT adapter, ``base`` is then the model that it is for, if that is here.
    ``built`` is what a call with the options ``built_for`` makes of it, or ``not_built`` says why that is not
    known; all None: it was not asked. ``placement`` is where the call's ``device_map`` puts it.
    """

    request: ModelRequest
    source: str
    path: str
    commit: str | None
    config: dict[str, Any]
    architecture: str | None
    model_type: str | None
    weights: Weights
    parameters: ParameterCount
    declared_dtype: str | None
    dimensions: Dimensions
    kv_cache: KvCache | None
    quantization: Scheme | None
    quantization_config: dict[str, Any] | None
    experts: Experts | None
    tokenizer: Tokenizer | None
    license: str | None
    files: list[File]
    warnings: list[Warning]
    transformers: str | None
    parts: tuple[Part, ...] = ()
    pipeline: str | None = None
    adapter: Adapter | None = None
    base: Description | None = None
    built: Architecture | None = None
    built_for: LoadOptions | None = None
    not_built: LoupeError | None = None
    placement: Placement | None = None
    latest: str | None = None

    @property
    def total(self) -> int | None:
        """Parameters of what is built, else of what the files hold; None if not known."""
        return self.built.parameters if self.built else self.parameters.total

    @property
    def is_exact(self) -> bool:
        """Whether ``total`` rests on no assumption."""
        if self.built and self.built_for:
            return not self.built_for.unknown
        return self.parameters.exact

    @property
    def fails(self) -> str | None:
        """Why ``from_pretrained`` of the call fails; None, too, where an unknown argument may prevent it."""
        call = self.built_for or LoadOptions()
        if self.not_built and self.not_built.code == "wrong-auto-class" and "config" not in call.unknown:
            return self.not_built.message
        join = self.built.join if self.built else None
        if join and join.mismatched_count and not (call.takes_any_shape or call.unknown):
            return f"{join.mismatched_count:,} of its parameters have another shape in the checkpoint"
        return None

    @property
    def stored_bytes(self) -> int | None:
        """Bytes of tensor data in the weight files; None unless all of their headers were read."""
        return self.weights.table.nbytes if self.weights.complete and len(self.weights.table) else None

    @property
    def stored_dtypes(self) -> list[str]:
        """Stored dtypes of parameters, the one with most bytes first."""
        counts = self.parameters.by_dtype
        return [dtype for dtype, count in counts.items() if count.parameters]

    def loaded(self, options: LoadOptions) -> tuple[LoadDtype, int | None]:
        """The load dtype under ``options`` and the bytes of all parameters at it (None if not known)."""
        if self.adapter or self.pipeline == "diffusers":
            return self._as_asked(options)
        if self.quantization and self.quantization.dequantized:
            return self._dequantized(options)
        if self.quantization or options.quantized:
            return LoadDtype(None, "the quantiser decides"), None
        if self.fails:
            return LoadDtype(None, "loading fails"), None
        if self.built and options == self.built_for and options.dtype_known:
            return LoadDtype(self.built.dtype, self.built.rule), self.built.nbytes
        found = load_dtype(options, self.transformers, self.declared_dtype, self.weights.first_floating_dtype)
        total = self.total
        return found, bytes_at(found.dtype, total) if found.dtype and total is not None else None

    def _as_asked(self, options: LoadOptions) -> tuple[LoadDtype, int | None]:
        """Where transformers' default is none of the library's."""
        if options.dtype in (None, "None", "auto"):
            return LoadDtype(None, "left to the library"), None
        found = load_dtype(options, "4", None, None)
        total = self.parameters.total
        return found, bytes_at(found.dtype, total) if found.dtype and total is not None else None

    def _dequantized(self, options: LoadOptions) -> tuple[LoadDtype, int | None]:
        # A GGUF file has no dtype entry, and its first tensor is not asked (`_get_dtype` in transformers).
        found = load_dtype(options, "4", None, "float32")
        if found.dtype and options.dtype in (None, "None", "auto"):
            found = LoadDtype("float32", "transformers dequantises GGUF weights to float32")
        total = self.parameters.total
        return found, bytes_at(found.dtype, total) if found.dtype and total is not None else None


def describe(request: ModelRequest, location: Location, disk: bool) -> Description:
    """Reads what describes the model: config, index and headers, never tensor data.

    ``disk``: what large headers tell is looked up in the user's store first, and kept there.
    """
    files: Files = location.files
    listing = files.entries()
    warnings = [*location.files.warnings, *location.files.download_warnings()]
    config = read_object(files, listing, "config.json", warnings)
    chosen = listing if location.file is None else _one_model(listing, location.file)
    selection = Selection(request.variant, request.use_safetensors, request.gguf_file)
    entry = _entry(location, chosen, selection) if disk else None
    known = entry.load() if entry else None
    weights = (
        known.weights if known else read_weights(files, chosen, selection, config.get("transformers_weights"))
    )
    warnings += weights.warnings
    warnings += _unread_formats(listing, weights)
    if weights.gguf is not None:
        config = _gguf_config(weights) or config
        from model_loupe.inspector.encodings import encoding_warnings

        warnings += encoding_warnings(weights)
    architecture = architecture_class(config)
    declared = declared_dtype(config)
    quantization_config = declared_quantization(config) or _quantization_beside(files, listing, warnings)
    by_names = None
    if not quantization_config and weights.gguf is None:
        by_names = known.quantization if known else quantization_by_names(weights.table)
        quantization_config = by_names
    if weights.gguf is None:
        quantization = scheme_of(config, quantization_config)
    else:
        quantization = _gguf_quantization(weights)
    experts = experts_of(config)
    facts = CountingFacts(
        architecture, _ties(config), quantization, experts, weights.tied, mtp_prefixes(config)
    )
    parameters = (
        known.parameters if known else count_parameters(weights.table, facts, complete=weights.complete)
    )
    if entry and not known:
        entry.save(weights, by_names, parameters)
    dtype = (canonical_name(declared) if declared else None) or weights.first_floating_dtype
    listing = {**listing, **_twins(location, weights)}
    return Description(
        request=request,
        source=location.source,
        path=location.path,
        commit=location.commit,
        config=config,
        architecture=architecture,
        model_type=model_type(config),
        weights=weights,
        parameters=parameters,
        declared_dtype=declared,
        dimensions=dimensions(config),
        kv_cache=kv_cache(config, architecture, dtype),
        quantization=quantization,
        quantization_config=quantization_config,
        experts=experts,
        tokenizer=_tokenizer(files, listing, config, warnings) or _gguf_tokenizer(weights),
        license=_declared_license(location, listing) or _gguf_license(weights),
        files=_all_files(listing, weights),
        warnings=warnings,
        transformers=installed_version("transformers"),
    )


def _quantization_beside(
    files: Files, listing: dict[str, File], warnings: list[Warning]
) -> dict[str, Any] | None:
    # What these files are called has "quant" in it: most models have none, and need not know more of them.
    if not any("quant" in name for name in listing):
        return None
    from model_loupe.checkpoints.quantization_files import declared_beside

    return declared_beside(listing, lambda name: read_object(files, listing, name, warnings))


def _entry(location: Location, chosen: dict[str, File], selection: Selection) -> Entry | None:
    # What is on the Hub costs a request to look at: its source keeps what it has read.
    if location.source not in ("folder", "cache") or not is_long(location.files, chosen):
        return None
    from model_loupe.inspector.remembered import Entry
    from model_loupe.sources.store import user_store

    store = user_store()
    return Entry(store, location, selection) if store else None


def read_object(files: Files, listing: dict[str, File], name: str, warnings: list[Warning]) -> dict[str, Any]:
    file = listing.get(name)
    if file is None:
        return {}
    if not file.present:
        warnings.append(Warning("broken-link", f"{name} is a link to a file that is not there"))
        return {}
    if (file.nbytes or 0) > _MAX_SIDE_FILE:
        warnings.append(Warning("bad-json", f"{name} is larger than any config ({file.nbytes:,} bytes)"))
        return {}
    try:
        raw = files.read(name)
    except OSError as error:
        warnings.append(Warning("unreadable-file", f"{name} cannot be read: {error.strerror}"))
        return {}
    return parse_json_object(raw, name, warnings) or {}


def _unread_formats(listing: dict[str, File], weights: Weights) -> list[Warning]:
    if weights.shards:
        return []
    named = ((name, FORMAT_TITLES.get(format_of(name) or "")) for name in listing)
    others = [f"{name} ({what})" for name, what in named if what]
    if not others:
        return []
    more = f" and {len(others) - 5:,} more" if len(others) > 5 else ""
    message = f"no weights that from_pretrained takes, only {', '.join(others[:5])}{more}: not read"
    return [Warning("format-not-read", message)]


# Folders in which repositories keep the same weights for other libraries.
_TWINS = ("original", "onnx", "openvino", "coreml", "metal", "tf", "flax", "gguf")
_TWIN = "in a folder that from_pretrained does not look into without subfolder="


def _twins(location: Location, weights: Weights) -> dict[str, File]:
    """The files of weights in such folders, each noted as not taken."""
    found: dict[str, File] = {}
    for folder in _TWINS if location.file is None else ():
        below = location.files.below(folder)
        try:
            files = below.entries().values() if below else ()
        except OSError:
            continue
        found.update((f"{folder}/{file.name}", file) for file in files if format_of(file.name))
    weights.not_taken.update((name, _TWIN) for name in found)
    return {name: file._replace(name=name) for name, file in found.items()}


def _one_model(listing: dict[str, File], name: str) -> dict[str, File]:
    """The file ``name``, or all parts of the GGUF model that it is a part of."""
    if format_of(name) != "gguf":
        return {name: listing[name]}
    from model_loupe.checkpoints.gguf.splits import parts_of

    return {part: listing[part] for part in parts_of(name) if part in listing}


def _gguf_config(weights: Weights) -> dict[str, Any]:
    from model_loupe.checkpoints.gguf.config import config_of

    config = config_of(weights.gguf or {})
    tensors = weights.table.tensors
    if weights.complete and "token_embd.weight" in tensors:
        # As transformers' own reader has it: without a head of its own, a model's head is its embedding.
        config["tie_word_embeddings"] = "output.weight" not in tensors
    return config


def _gguf_quantization(weights: Weights) -> Scheme | None:
    from model_loupe.checkpoints.gguf.config import file_type
    from model_loupe.domain.quantization.gguf import gguf_scheme

    blocks = frozenset(kind.dtype for kind in weights.table.kinds if kind.dtype not in BY_NAME)
    return gguf_scheme(blocks, file_type(weights.gguf or {}))


def _gguf_tokenizer(weights: Weights) -> Tokenizer | None:
    if not weights.gguf:
        return None
    from model_loupe.checkpoints.gguf.config import vocabulary_of

    found = vocabulary_of(weights.gguf)
    return Tokenizer(f"GGUF {found.kind}", found.size) if found else None


def _gguf_license(weights: Weights) -> str | None:
    value = (weights.gguf or {}).get("general.license")
    return value if isinstance(value, str) and 0 < len(value) <= 60 else None


def _ties(config: dict[str, Any]) -> bool | None:
    value = config.get("tie_word_embeddings")
    return value if isinstance(value, bool) else None


def _tokenizer(
    files: Files, listing: dict[str, File], config: dict[str, Any], warnings: list[Warning]
) -> Tokenizer | None:
    if not any(name in listing for name in _TOKENIZER_FILES):
        return None
    name = read_object(files, listing, "tokenizer_config.json", warnings).get("tokenizer_class")
    return Tokenizer(name if isinstance(name, str) else None, dimensions(config).vocabulary)


def _declared_license(location: Location, listing: dict[str, File]) -> str | None:
    # The Hub has told it already, and reading the model card would be one more request.
    return location.license if location.source == "hub" else _license(location.files, listing)


def _license(files: Files, listing: dict[str, File]) -> str | None:
    """The ``license`` of the model card's front matter (README.md)."""
    file = listing.get("README.md")
    if file is None or not file.present:
        return None
    try:
        head = files.read("README.md", 0, 4096).decode("utf-8", "replace")
    except OSError:
        return None
    if not head.startswith("---"):
        return None
    for line in head.split("\n---", 1)[0].splitlines():
        if line.startswith("license:"):
            name = line.removeprefix("license:").strip().strip("\"'")
            plain = all(letter.isalnum() or letter in _LICENSE_MARKS for letter in name)
            if plain and name.isascii() and 0 < len(name) <= 60:
                return name
    return None


def _all_files(listing: dict[str, File], weights: Weights) -> list[File]:
    shown = dict(listing)
    for shard in weights.shards:
        shown.setdefault(shard.name, shard)
    return [shown[name] for name in sorted(shown)]
