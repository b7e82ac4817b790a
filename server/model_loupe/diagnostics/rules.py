"""The table of diagnostics: codes, severities, documentation. Settings and reference are made of it."""

from __future__ import annotations

from typing import NamedTuple

LEVELS = ("error", "warning", "information", "hint")
"""Severities as LSP names them, the gravest first."""

OFF = "off"

CHECKPOINT = "checkpoint"
"""The code that stands for all findings about a model's own files in settings and comments."""


class Rule(NamedTuple):
    """What a code means. ``level`` is its severity unless set otherwise; ``title`` is one sentence.

    ``why`` is Markdown: when it is found, what follows from it and what to do. ``fix`` says what the quick
    fix does, ``no_fix`` why there is none. ``before`` and ``after`` show code (or JSON) with and without it.
    """

    code: str
    level: str
    title: str
    why: str
    before: str = ""
    after: str = ""
    language: str = "python"
    fix: str = ""
    no_fix: str = ""


_RULES = (
    Rule(
        "dtype-default",
        "warning",
        "The checkpoint stores half precision, and this call loads it as float32: twice the memory.",
        "transformers before 5 loads float32 unless it is told otherwise, whatever the checkpoint holds. "
        "Found where the weights are stored in 16 bits or fewer, are not quantised, and the call gives no "
        "dtype.",
        'AutoModelForCausalLM.from_pretrained("google/gemma-2b-it")',
        'AutoModelForCausalLM.from_pretrained("google/gemma-2b-it", torch_dtype="auto")',
        fix='names `"auto"`, as the argument is called in the installed version.',
    ),
    Rule(
        "dtype-overflow",
        "warning",
        "float16 is asked for, and some of the weights are too large for it.",
        "Found where an exact cast preview of these very files has counted weights that become infinite "
        "in float16 (its largest value is 65504). Nothing is said of weights that were not measured: "
        "`Preview Casts` measures them. bfloat16 has the range of float32.",
        'AutoModel.from_pretrained("./large-weights", dtype=torch.float16)',
        'AutoModel.from_pretrained("./large-weights", dtype=torch.bfloat16)',
        fix="writes bfloat16 in place of float16.",
    ),
    Rule(
        "deprecated-argument",
        "information",
        "The installed version takes this argument, but has another for it, or ignores it.",
        "By the version of transformers that is installed where the code runs.",
        "AutoModel.from_pretrained(name, use_auth_token=True)",
        "AutoModel.from_pretrained(name, token=True)",
        fix="writes what the version asks for instead, or takes the argument out where it does nothing.",
    ),
    Rule(
        "removed-argument",
        "error",
        "The installed version takes this argument no longer: the call fails.",
        "By the version of transformers that is installed where the code runs: the class raises a "
        "TypeError for the argument.",
        "AutoModelForCausalLM.from_pretrained(name, load_in_4bit=True)",
        "AutoModelForCausalLM.from_pretrained(name, "
        "quantization_config=BitsAndBytesConfig(load_in_4bit=True))",
        fix="writes what has taken its place, or takes it out.",
    ),
    Rule(
        "argument-too-new",
        "error",
        "The installed version does not take this argument yet: the call fails.",
        "By the version of transformers that is installed where the code runs.",
        "AutoModel.from_pretrained(name, dtype=torch.bfloat16)",
        "AutoModel.from_pretrained(name, torch_dtype=torch.bfloat16)",
        fix="writes the argument's older name.",
    ),
    Rule(
        "head-dropped",
        "hint",
        "The class has no place for some of the checkpoint's weights: they are not loaded.",
        "Found when transformers itself has built the class and the checkpoint was laid against it. It is "
        "meant where only the hidden states are wanted, and a mistake where the head was.",
        'AutoModel.from_pretrained("google/gemma-2b-it")',
        'AutoModelForCausalLM.from_pretrained("google/gemma-2b-it")',
        fix="takes the Auto class that makes the class which the config names.",
    ),
    Rule(
        "head-new",
        "information",
        "The class has weights that the checkpoint lacks: they are initialised anew.",
        "Found when transformers itself has built the class and the checkpoint was laid against it. Such "
        "a model has to be trained before its output means anything.",
        'AutoModelForSequenceClassification.from_pretrained("bert-base-uncased")',
        'AutoModelForMaskedLM.from_pretrained("bert-base-uncased")',
        fix="takes the Auto class that makes the class which the config names: its head is the checkpoint's.",
    ),
    Rule(
        "wrong-auto-class",
        "error",
        "The Auto class does not know this type of model: the call fails.",
        "The installed transformers maps each type of model to a class for each task; this one has none "
        "for the task asked for.",
        'AutoModelForCausalLM.from_pretrained("google-t5/t5-small")',
        'AutoModelForSeq2SeqLM.from_pretrained("google-t5/t5-small")',
        fix="takes an Auto class that has one.",
    ),
    Rule(
        "loading-fails",
        "error",
        "The checkpoint's tensors do not fit the class: the call fails.",
        "Found when transformers itself has built the class: some of its parameters have another shape "
        "than the checkpoint has for them. `ignore_mismatched_sizes=True` initialises these anew.",
        'AutoModelForSequenceClassification.from_pretrained("./three-labels", num_labels=5)',
        'AutoModelForSequenceClassification.from_pretrained("./three-labels", num_labels=3)',
        fix="writes `ignore_mismatched_sizes=True`, which initialises these anew.",
    ),
    Rule(
        "model-not-found",
        "warning",
        "There is no such folder, file, repository or revision.",
        "A path is looked for beside the code, an id in the local cache and then on the Hub. A repository "
        "that is private and one that does not exist answer alike.",
        'AutoModel.from_pretrained("google/gemma-2b-itt")',
        'AutoModel.from_pretrained("google/gemma-2b-it")',
        fix="writes a name that the Hub or the cache has and that may have been meant.",
    ),
    Rule(
        "gated",
        "warning",
        "The Hub gives this model only to accounts that have access.",
        "Accept the conditions on the model's page, then log in (`hf auth login`). What is "
        "public of the model is shown all the same.",
        fix="opens the log-in of the Hub.",
    ),
    Rule(
        "pickle-only",
        "information",
        "The weights are PyTorch pickles alone: loading them can run code that they hold.",
        "transformers reads pickles with `weights_only=True` where it can and, since 4.50, wants torch "
        "2.6 for it; other readers may not. Found where a model has no safetensors file. Convert it once: "
        "load it and call `save_pretrained`.",
        fix="takes a revision of the same model in the local cache that has safetensors, where there is one.",
    ),
    Rule(
        "remote-code-unpinned",
        "warning",
        "The code of a repository is run, whatever its newest commit holds.",
        "`trust_remote_code=True` runs Python files of the model's repository. Without a full commit id "
        "as `revision=` (or `code_revision=`) their author can change what runs here. Found for models of "
        "the Hub whose files are not known to have no code of their own.",
        "AutoModel.from_pretrained(name, trust_remote_code=True)",
        'AutoModel.from_pretrained(name, trust_remote_code=True, revision="…")',
        fix="pins the commit that is known, or takes the argument out.",
    ),
    Rule(
        "tokenizer-mismatch",
        "warning",
        "The tokenizer is another model's, and its vocabulary is not this model's.",
        "Found where a model and a tokenizer of different names are given to a pipeline or trainer, or the "
        "model takes what the tokenizer made and no name on the way may mean another, and their "
        "vocabularies, as their files have them, differ. Not where `resize_token_embeddings` is called.",
        'pipeline("text-generation", model="./gemma", tokenizer="./llama")',
        'pipeline("text-generation", model="./gemma", tokenizer="./gemma")',
        fix="takes the model's own tokenizer.",
    ),
    Rule(
        "adapter-base-mismatch",
        "error",
        "The adapter does not fit the model that it is put on.",
        "Found where the adapter's matrices have other shapes than the base model's layers, or name "
        "layers that it does not have: both are read off the files. Names alone say nothing: an adapter "
        "may be put on a copy.",
        'PeftModel.from_pretrained(AutoModel.from_pretrained("./gemma-7b"), "./adapter-for-gemma-2b")',
        'PeftModel.from_pretrained(AutoModel.from_pretrained("./gemma-2b"), "./adapter-for-gemma-2b")',
        fix="loads the base that the adapter's config names.",
    ),
    Rule(
        "context-too-long",
        "warning",
        "More tokens are asked for than the model's context has positions.",
        "Found where `max_length=` (of a tokenizer's call or a pipeline) is a number beyond the context "
        "in the model's config. With learned positions the model fails there, with rotary ones its output "
        "degrades.",
        'tokenizer = AutoTokenizer.from_pretrained("bert-base-uncased")\n'
        "tokenizer(text, truncation=True, max_length=4096)",
        'tokenizer = AutoTokenizer.from_pretrained("bert-base-uncased")\n'
        "tokenizer(text, truncation=True, max_length=512)",
        fix="writes the number of positions.",
    ),
    Rule(
        "pad-token-missing",
        "warning",
        "The tokenizer is asked to pad, and has no padding token: the call fails.",
        "Found where a tokenizer whose class and files name no padding token is called with `padding=`, "
        "and the code gives it none.",
        'tokenizer = AutoTokenizer.from_pretrained("gpt2")\nbatch = tokenizer(texts, padding=True)',
        'tokenizer = AutoTokenizer.from_pretrained("gpt2")\ntokenizer.pad_token = tokenizer.eos_token\n'
        "batch = tokenizer(texts, padding=True)",
        fix="takes the end-of-text token for it.",
    ),
    Rule(
        "quantized-recast",
        "error",
        "A model that bitsandbytes or GPTQ has quantised cannot be cast: the call fails.",
        "transformers raises a ValueError for `.to(dtype)`, `.half()` and `.float()` of such a model: its "
        "packed weights have no other dtype.",
        "model = AutoModel.from_pretrained(name, quantization_config=BitsAndBytesConfig(load_in_8bit=True))\n"
        "model.half()",
        "model = AutoModel.from_pretrained(name, quantization_config=BitsAndBytesConfig(load_in_8bit=True))",
        fix="takes the cast out.",
    ),
    Rule(
        "will-not-fit",
        "warning",
        "The weights, as this call loads them, are larger than the memory set for the machine.",
        "Found where `modelLoupe.memory.devices` says what memory there is, and the bytes of the loaded "
        "weights are known. A cache for the context and activations come on top.",
        fix='spreads it over all devices that are set (`device_map="auto"`), or loads it as bfloat16 '
        "(float16), int8 or nf4: what is known to fit, with the packages that are installed.",
    ),
    Rule(
        "missing-package",
        "error",
        "The call needs a package that is not installed where the code runs.",
        "accelerate for `device_map=` and `low_cpu_mem_usage=True`, bitsandbytes and the like for "
        "quantised loading, peft for adapters, sentencepiece and protobuf for tokenizers that have no "
        "`tokenizer.json`. The message has the command that installs it.",
        'AutoModel.from_pretrained(name, device_map="auto")',
        fix="installs it: by a line `%pip install …` in a notebook's cell, for a file by pip in a terminal.",
    ),
    Rule(
        "config-heads",
        "warning",
        "The attention heads do not divide the hidden size, and no head_dim is given.",
        "Each head has `hidden_size // num_attention_heads` dimensions where the config has no `head_dim`. "
        "Found where that leaves a rest, and the model's class has no `head_dim` of its own.",
        '{"hidden_size": 2048, "num_attention_heads": 7}',
        '{"hidden_size": 2048, "num_attention_heads": 8}',
        "json",
        no_fix="which of the two numbers is meant, the file does not tell.",
    ),
    Rule(
        "config-kv-heads",
        "warning",
        "The KV heads do not divide the attention heads.",
        "In grouped-query attention as many query heads share each KV head, so that their number has to be a "
        "multiple of it.",
        '{"num_attention_heads": 8, "num_key_value_heads": 3}',
        '{"num_attention_heads": 8, "num_key_value_heads": 2}',
        "json",
        no_fix="which of the two numbers is meant, the file does not tell.",
    ),
    Rule(
        "config-layer-types",
        "warning",
        "The list of layer types does not name one known kind for each layer.",
        "Found where `layer_types` has more or fewer entries than the model has layers, or one that is none "
        "of those that the installed transformers allows.",
        '{"num_hidden_layers": 3, "layer_types": ["full_attention"]}',
        '{"num_hidden_layers": 1, "layer_types": ["full_attention"]}',
        "json",
        no_fix="the weights decide which layers there are; completion has the kinds.",
    ),
    Rule(
        "config-model-type",
        "warning",
        "The installed transformers does not know the model type.",
        "Auto classes find a model's classes by it. Found where the type is not among those of the installed "
        "version, and the config names no code of the repository (`auto_map`) either: it is mistyped, or "
        "the version is too old.",
        '{"model_type": "gema"}',
        '{"model_type": "gemma"}',
        "json",
        no_fix="which type is meant, the file does not tell; completion has those of the version.",
    ),
    Rule(
        "config-rope",
        "warning",
        "A kind of rotary position embeddings is not known, or lacks a parameter that it needs.",
        "By the checks in the source of the installed transformers (`modeling_rope_utils`).",
        '{"rope_parameters": {"rope_type": "linear"}}',
        '{"rope_parameters": {"rope_type": "linear", "factor": 2.0}}',
        "json",
        no_fix="what a parameter should be was decided in training; completion has the kinds.",
    ),
    Rule(
        "config-superseded",
        "hint",
        "The installed transformers has another name for the field, and still reads this one.",
        "`torch_dtype` became `dtype`, and what rotary embeddings need went into `rope_parameters`. Nothing "
        "is wrong with such a file: older versions of transformers want these names.",
        '{"torch_dtype": "bfloat16"}',
        '{"dtype": "bfloat16"}',
        "json",
        fix="writes the new name.",
    ),
    Rule(
        "config-token-id",
        "warning",
        "The id of a special token is beyond the vocabulary.",
        "The embedding has a row for each id below `vocab_size`: looking up another one fails.",
        '{"vocab_size": 32000, "eos_token_id": 32000}',
        '{"vocab_size": 32001, "eos_token_id": 32000}',
        "json",
        no_fix="which of the two numbers is meant, the file does not tell.",
    ),
    Rule(
        "config-type",
        "warning",
        "A value is not of the type that the field has.",
        "By the annotations of the config class in the installed transformers, which version 5 enforces.",
        '{"hidden_size": "2048"}',
        '{"hidden_size": 2048}',
        "json",
        no_fix="what the value should be is not known.",
    ),
    Rule(
        "config-value",
        "warning",
        "A value is none of those that the field may have.",
        "Activation functions are those of the installed transformers (`ACT2FN`), dtypes those of torch.",
        '{"hidden_act": "gelly"}',
        '{"hidden_act": "gelu"}',
        "json",
        no_fix="which value is meant is not known; completion has those that there are.",
    ),
    Rule(
        "config-vocabulary",
        "warning",
        "The tokenizer has ids beyond the rows of the embedding.",
        "Found where `tokenizer_config.json` or `added_tokens.json` beside the config give a token an id "
        "that is not below `vocab_size`. `model.resize_token_embeddings(len(tokenizer))` adds the rows.",
        language="json",
        no_fix="the rows have to be added to the weights, which no edit of text does.",
    ),
    Rule(
        "generation-sampling",
        "information",
        "A parameter of sampling is set, and sampling is off: it has no effect.",
        "`generate` takes the likeliest token unless `do_sample` is true; transformers warns of it when it "
        "loads or saves such a file.",
        '{"temperature": 0.7}',
        '{"do_sample": true, "temperature": 0.7}',
        "json",
        no_fix="whether to sample is a decision.",
    ),
    Rule(
        CHECKPOINT,
        "warning",
        "Something is wrong with the model's own files.",
        "Each finding has a code of its own (below), which settings and comments can name; this one "
        "stands for all of them.",
        no_fix="no edit of code mends a file.",
    ),
)

RULES: dict[str, Rule] = {rule.code: rule for rule in _RULES}
"""The rules by their codes, in the order in which they are documented."""

_STAND_FOR = {
    "model-not-found": (
        "bad-model-name",
        "bad-subfolder",
        "no-such-path",
        "not-on-hub",
        "repository-disabled",
        "repository-not-found",
        "revision-not-found",
    ),
    "gated": ("access-denied", "bad-token", "gated-repository"),
}
_RULE_OF = {code: rule for rule, codes in _STAND_FOR.items() for code in codes}


def code_of(failure: str) -> str:
    """The code that an editor shows for a failure or warning of the inspector."""
    return _RULE_OF.get(failure, failure)


def rule_of(code: str) -> Rule:
    """The rule that a diagnostic's code belongs to: its own, or the one for all that is wrong with files."""
    return RULES.get(code) or RULES[CHECKPOINT]
