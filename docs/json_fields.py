"""Every field of the command line's JSON: what it is, and of which type.

``a.b`` is field b of object a, ``a[]`` an item of list a, ``a.*`` any field of a. ``tests/unit/test_docs.py``
holds real answers to it; the page and the JSON Schemas in ``docs/reference`` are made of it.
"""

from __future__ import annotations

from typing import NamedTuple


class Field(NamedTuple):
    """``kinds`` are JSON Schema's types; ``meaning`` is one phrase, with the unit."""

    path: str
    kinds: tuple[str, ...]
    meaning: str


def _table(text: str) -> list[Field]:
    """Lines ``path | kinds | meaning``; ``?`` behind a kind: or null."""
    fields = []
    for line in filter(None, text.splitlines()):
        path, kinds, meaning = (part.strip() for part in line.split("|"))
        named = tuple(kinds.rstrip("?").split())
        fields.append(Field(path, (*named, "null") if kinds.endswith("?") else named, meaning))
    return fields


_MODEL = """
schema | integer | 1: fields may be added, never renamed
model | object | which model it is
model.id | string | as it was asked for
model.source | string | `folder`, `cache` or `hub`
model.revision | string? | the commit, of the cache and the Hub
model.path | string? | absolute path, or address on the Hub
"""

INSPECT = _table(
    _MODEL
    + """
architecture | object | what is built
architecture.model_type | string? | of the config
architecture.class | string? | the class
architecture.from | string | who says so: `worker` (transformers itself) or `config`
architecture.transformers | string? | the installed version
parameters | object | what the model has; tied weights count once
parameters.total | integer? | parameters
parameters.trainable | integer? | those that are trained by default
parameters.active | integer? | those that one token uses, of a mixture of experts
parameters.mtp | integer | those of layers for multi-token prediction
parameters.buffers | integer | elements that are no parameters
parameters.overhead | integer | elements of scales, zero points and the like
parameters.by_dtype | object | by stored dtype
parameters.by_dtype.* | object | of one dtype
parameters.by_dtype.*.tensors | integer | tensors
parameters.by_dtype.*.elements | integer | elements as stored
parameters.by_dtype.*.parameters | integer | parameters, unpacked
parameters.by_dtype.*.bytes | integer | bytes
parameters.tied | array | groups of names that are one parameter
parameters.tied[] | array | one group
parameters.tied[][] | string | a name
parameters.exact | boolean | whether the total rests on no assumption
parameters.reason | string? | the assumption
bytes | object | sizes in bytes
bytes.stored | integer? | of tensor data in the files
bytes.declared_dtype | string? | the config's dtype
bytes.loaded | object? | as `from_pretrained` loads it
bytes.loaded.dtype | string | the dtype
bytes.loaded.bytes | integer? | bytes
bytes.loaded.rule | string | where the dtype comes from
built | object? | what transformers builds; null where it was not asked
built.class | string | the class
built.parameters | integer | parameters
built.trainable | integer | those that are trained by default
built.bytes | integer? | bytes once loaded; null where a quantiser decides
built.dtype | string | the dtype once loaded
built.rule | string | where it comes from
built.tied | array | groups of names that are one parameter
built.tied[] | array | one group
built.tied[][] | string | a name
built.join | object? | class against checkpoint
built.join.missing | array | parameters that are initialised anew, 1,000 at most
built.join.missing[] | string | a name
built.join.missing_count | integer | all of them
built.join.unexpected | array | tensors that are not loaded, 1,000 at most
built.join.unexpected[] | string | a name
built.join.unexpected_count | integer | all of them
built.join.mismatched | array | parameters of another shape, 1,000 at most
built.join.mismatched[] | object | one of them
built.join.mismatched[].name | string | its name
built.join.mismatched[].stored | array | shape in the checkpoint
built.join.mismatched[].stored[] | integer | a size
built.join.mismatched[].wanted | array | shape in the class
built.join.mismatched[].wanted[] | integer | a size
built.join.mismatched_count | integer | all of them
built.join.renamed | integer | tensors that have another name in the class
built.notes | array | where the real thing may differ
built.notes[] | string | one note
placement | object? | where `device_map` puts the modules (`--device-map`)
placement.strategy | string | the device map
placement.modules | array | module, device, bytes
placement.modules[] | array | one module
placement.modules[][] | string integer | a value of it
placement.nbytes | object | bytes by device
placement.nbytes.* | integer | bytes
placement.limits | object | what accelerate may use, in bytes by device
placement.limits.* | number | bytes
kv_cache | object? | the cache of keys and values
kv_cache.bytes_per_token | integer | bytes for each token, up to the smallest window
kv_cache.bytes_per_token_beyond_windows | integer | bytes for each token beyond all windows
kv_cache.dtype | string | its dtype
kv_cache.latent | boolean | whether it is latent (MLA)
kv_cache.constant_state | boolean | whether some layers keep a state of constant size
kv_cache.constant_bytes | integer? | bytes of that
kv_cache.bytes_per_encoder_token | integer | bytes for each token of an encoder
kv_cache.context | integer | tokens that the total is for
kv_cache.batch | integer | sequences that the total is for
kv_cache.total_bytes | integer | bytes of the whole cache
kv_cache.groups | array | layers that are alike
kv_cache.groups[] | object | one group
kv_cache.groups[].layers | integer | how many
kv_cache.groups[].elements | integer | elements for each token and layer
kv_cache.groups[].window | integer? | tokens that are kept; null: all
memory | array | what it takes to run and to train
memory[] | object | one way
memory[].key | string | its name, stable
memory[].label | string | its name for people
memory[].bytes | integer | bytes
memory[].parts | object | bytes by part
memory[].parts.* | integer | bytes
memory[].formula | string | how it is reckoned
memory[].source | string | where the formula is from
largest | array | the ten largest tensors
largest[] | object | one tensor
largest[].name | string | its name
largest[].shape | array | its shape
largest[].shape[] | integer | a size
largest[].dtype | string | as stored
largest[].bytes | integer | bytes
quantization | object? | how the weights are packed
quantization.method | string | the method
quantization.format | string? | the method's form
quantization.bits | number? | bits for each weight, as declared
quantization.known | boolean | whether the packing is known here
quantization.parameters | integer? | quantised parameters
quantization.bytes | integer? | bytes of these
quantization.overhead_elements | integer? | elements of scales and the like
quantization.overhead_bytes | integer? | bytes of these
quantization.bits_per_parameter | number? | bits for each quantised parameter, overhead and all
quantization.unquantized | object? | modules that were left as they are
quantization.unquantized.* | integer | parameters
quantization.config | object? | `quantization_config` as it is
tokenizer | object? | the tokenizer that lies beside
tokenizer.class | string? | its class
tokenizer.vocab_size | integer? | rows of the embedding
license | string? | of the model card
latest_revision | string? | the Hub's commit, where the cache has an older one
adapter | object? | of a PEFT adapter
adapter.peft_type | string | its kind
adapter.base | string? | the model that it is for
adapter.revision | string? | of the base
adapter.task | string? | its task
adapter.rank | integer? | the rank
adapter.alpha | number? | `lora_alpha`
adapter.scaling | number? | what the update is multiplied by
adapter.targets | array | the modules that it goes on
adapter.targets[] | string | a name or pattern
adapter.saved | array | modules of which it holds a trained copy
adapter.saved[] | string | a name
adapter.varies | boolean | whether some modules have another rank or alpha
adapter.dora | boolean | whether it is DoRA
adapter.base_parameters | integer? | parameters of the base, if that is here
adapter.base_path | string? | where the base is
parts | array | of a pipeline or composite model
parts[] | object | one part
parts[].name | string | its name
parts[].class_name | string? | its class
parts[].library | string? | the library that has the class
parts[].folder | string | where it lies; empty: in the model's own files
parts[].parameters | integer? | parameters
parts[].nbytes | integer? | bytes
index | object? | the index of shards
index.name | string | its file
index.tensors | integer | tensors that it lists
index.shards | integer | shards that it names
index.total_size | integer? | bytes that it claims
config | object | `config.json` as it is
files | array | the model's files
files[] | object | one file
files[].name | string | its path in the model
files[].bytes | integer? | its size
files[].format | string? | of weights, their format
files[].present | boolean | whether it is there
files[].taken | boolean | whether `from_pretrained` takes it
files[].not_taken | string? | why not, of weights
warnings | array | what is wrong with the files
warnings[] | object | one finding
warnings[].code | string | its code ([diagnostics](diagnostics.md#checkpoint))
warnings[].message | string | one line for people
tree | object | the module tree (`--tree`); nodes are alike at every level
tree.path | string | the module's path, with ranges in it
tree.class | string? | its class
tree.repr | string? | its line of `print(model)`
tree.count | integer | how many equal siblings it stands for
tree.indices | array | their numbers
tree.indices[] | integer | a number
tree.tensors | integer | tensors below it, where only the files tell
tree.elements | integer | elements below it
tree.bytes | integer | bytes below it, as stored
tree.loaded_bytes | integer? | bytes below it, once loaded
tree.source | object? | where its class is defined
tree.source.name | string | the class
tree.source.module | string | its module
tree.source.file | string? | the file
tree.source.line | integer? | the line, from 1
tree.parameters | array | its own parameters
tree.parameters[] | object | one of them
tree.parameters[].name | string | its name in the module
tree.parameters[].shape | array | its shape
tree.parameters[].shape[] | integer | a size
tree.parameters[].dtype | string | as stored, else as loaded
tree.parameters[].bytes | integer | bytes at that
tree.parameters[].tied_to | string? | the parameter that it is
tree.parameters[].trainable | boolean | whether it is trained by default
tree.parameters[].stored | boolean | whether the checkpoint has it
tree.parameters[].loaded | object | once loaded
tree.parameters[].loaded.dtype | string | the dtype
tree.parameters[].loaded.bytes | integer | bytes
tree.buffers | array | its own buffers
tree.buffers[] | object | one of them
tree.buffers[].name | string | its name in the module
tree.buffers[].shape | array | its shape
tree.buffers[].shape[] | integer | a size
tree.buffers[].dtype | string | its dtype
tree.buffers[].persistent | boolean | whether it is in the state dict
tree.children | array | nodes like this one
tree.children[] | object | a node
blocks | array | the model cut at its layers (`--tree`)
blocks[] | object | one block
blocks[].path | string | its path, with ranges in it
blocks[].copies | integer | equal blocks
blocks[].tensors | integer | tensors of all of them
blocks[].elements | integer | elements of all of them
blocks[].nbytes | integer | bytes of all of them
"""
)

_NUMERICS = """
{0}.mode | string | `exact` or `sampled`
{0}.elements | integer | elements that are cast
{0}.read_bytes | integer | bytes that were read
{0}.sampled | integer | elements that were looked at
{0}.nan_in | integer? | NaN before the cast; null: a sample does not tell
{0}.inf_in | integer? | infinite before the cast
{0}.to_inf | integer? | finite values that become infinite or NaN; null: a sample does not tell
{0}.saturated | integer? | values that are clamped to the largest
{0}.to_zero | integer? | values that become zero; of a sample an estimate, null where it saw none
{0}.to_subnormal | integer? | values that become subnormal
{0}.changed | integer? | values that change
{0}.compared | integer? | values that errors are of
{0}.max_abs_error | number? | largest absolute error; of a sample the largest seen
{0}.max_rel_error | number? | largest relative error
{0}.mse | number? | mean squared error
{0}.snr_db | number? | signal to noise in dB; null of an exact cast
{0}.cosine | number? | cosine of the values before and after
{0}.exponents | object | histograms of binary exponents
{0}.exponents.before | array | exponent and count, before
{0}.exponents.before[] | array | one pair
{0}.exponents.before[][] | integer | exponent or count
{0}.exponents.after | array | exponent and count, after
{0}.exponents.after[] | array | one pair
{0}.exponents.after[][] | integer | exponent or count
{0}.interval | object? | of a sample: where the whole lies with 95 % confidence
{0}.interval.snr_db | array? | least and most
{0}.interval.snr_db[] | number | dB
"""

CAST = _table(
    _MODEL
    + """
stored | object | the checkpoint
stored.dtype | string? | the dtype that has most bytes
stored.bytes | integer | bytes of tensor data
complete | boolean | whether all figures are there
warnings | array | what is wrong with the files
warnings[] | object | one finding
warnings[].code | string | its code ([diagnostics](diagnostics.md#checkpoint))
warnings[].message | string | one line for people
network | object? | what a sample from the Hub reads
network.bytes | integer | bytes
network.requests | integer | requests
network.budget | integer | bytes that are allowed
targets | array | a cast each
targets[] | object | one cast
targets[].dtype | string | what to
targets[].title | string | that for people
targets[].bytes | integer | bytes afterwards
targets[].bits_per_parameter | number | bits for each element that is cast or falls back, scales and all
targets[].library | string | what does it
targets[].hardware | string | what runs it
targets[].elements | integer | elements that are cast
targets[].kept | array | modules that are not cast
targets[].kept[] | object | one of them
targets[].kept[].path | string | its path, with ranges in it
targets[].kept[].dtype | string | the dtype that it keeps
targets[].kept[].reason | string | why
targets[].kept[].tensors | integer | tensors
targets[].kept[].bytes | integer | bytes
targets[].modules | array | by block
targets[].modules[] | object | one block
targets[].modules[].path | string | its path
targets[].modules[].bytes_before | integer | bytes before
targets[].modules[].bytes | integer | bytes afterwards
targets[].modules[].numerics | object? | what it does to the block's values; null where that was not measured
"""
    + _NUMERICS.format("targets[].modules[].numerics")
    + """
targets[].kv_cache | object? | the cache, where activations have the new dtype
targets[].kv_cache.dtype | string | its dtype
targets[].kv_cache.bytes_per_token | integer | bytes for each token
targets[].kv_cache.bytes_per_token_before | integer | bytes for each token before
targets[].numerics | object | what it does to the values; absent where that was not measured
"""
    + _NUMERICS.format("targets[].numerics")
    + """
targets[].worst | array | the tensors that lose most
targets[].worst[] | object | one tensor
targets[].worst[].name | string | its name
targets[].worst[].snr_db | number? | signal to noise in dB
targets[].worst[].to_inf | integer? | values that become infinite; null: a sample does not tell
targets[].worst[].max_abs_error | number? | largest absolute error
targets[].unmeasured | object | why there are no figures
targets[].unmeasured.code | string | a code
targets[].unmeasured.message | string | one line for people
targets[].tensors | array | every tensor (`--tensors`)
targets[].tensors[] | object | one tensor, with the figures of `numerics` where it is cast
targets[].tensors[].name | string | its name
targets[].tensors[].shape | array | its shape
targets[].tensors[].shape[] | integer | a size
targets[].tensors[].from | string | its dtype
targets[].tensors[].to | string | its dtype afterwards
targets[].tensors[].bytes | integer | bytes afterwards
targets[].tensors[].reason | string? | why it is not cast
"""
    + _NUMERICS.format("targets[].tensors[]")
)

WRITTEN = _table(
    """
schema | integer | 1: fields may be added, never renamed
path | string | the folder that was written
dtype | string | the dtype that its tensors have, but those that the plan keeps
kept | integer | tensors of another dtype
bytes | integer | bytes of tensor data
tensors | integer | tensors
files | array | its files
files[] | object | one file
files[].name | string | its name in the folder
files[].bytes | integer | its size
verified | boolean | whether it was read back and was what had been written; else nothing is written
to_inf | integer | finite values that became infinite or NaN
saturated | integer | values that became the largest of the dtype
left_out | array | files of the model that were not copied
left_out[] | string | a name
note | string? | what else is to be known
"""
)

SCAN = _table(
    """
[] | object | a place that names a model
[].file | string | the file, as it was given or found
[].cell | integer? | of a notebook: code and markdown cells from 0
[].line | integer | from 1, in the cell
[].column | integer | from 0, in code points
[].end_line | integer | where the call ends
[].end_column | integer | exclusive
[].range | array | the argument's range
[].range[] | integer | line, column, end line, end column
[].callee | string | what is called, as written
[].argument | string | how the model is given: `pos0`, `model` …
[].model | string? | the name; null: not known from the text
[].candidates | array | all names that the text allows, where there are several
[].candidates[] | string | a name
[].kind | string | `hub`, `local`, `placeholder`, `written_here` or `unknown`
[].confidence | number | of the name, from 0 to 1
[].role | string | what is loaded: `model`, `tokenizer`, `config` …
[].kwargs | object | the other arguments, as written
[].kwargs.* | string | source text
"""
)

ANSWERS: dict[str, tuple[str, list[Field]]] = {
    "inspect": ("model-loupe inspect MODEL --json", INSPECT),
    "cast": ("model-loupe cast MODEL --to DTYPE --json", CAST),
    "cast-output": ("model-loupe cast MODEL --to DTYPE --output DIR --json", WRITTEN),
    "scan": ("model-loupe scan PATH… --json", SCAN),
}
"""By command: how it is called, and the fields of its answer."""
