"""Code for each diagnostic: what is marked and what is not, under which versions of the packages.

``{}`` in a snippet stands where the diagnostic belongs, for the reader; models are those of ``write_models``.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from safetensors.numpy import save_file

from model_loupe.demo.tokenizer import write_tokenizer
from tests.support import pickles
from tests.support.hf_cache import new_snapshot
from tests.support.sentencepiece import sentencepiece_model

from .editor import write_model

HEAD = """\
import torch
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig
from transformers import GPTQConfig, Trainer, pipeline
from peft import PeftModel
texts = ["a", "b"]
"""

OLD = {"transformers": "4.38.0", "torch": "2.5.1", "accelerate": "0.27.0", "bitsandbytes": "0.43.0"}
LATE = {**OLD, "transformers": "4.57.1"}
NEW = {**OLD, "transformers": "5.23.0"}
BARE = {"transformers": "5.23.0", "torch": "2.13.0"}
BARE_OLD = {"transformers": "4.38.0", "torch": "2.13.0"}
SMALL_MACHINE = {"cpu": "1KiB", "0": "24GiB"}
LARGE_MACHINE = {"cpu": "1GiB", "0": "24GiB"}
FULL = {**NEW, "sentencepiece": "0.2.0", "protobuf": "5.29.0"}
PACKAGES = {"full": FULL, "old": OLD, "late": LATE, "new": NEW, "bare": BARE, "bare-old": BARE_OLD}


class Snippet(NamedTuple):
    """``marked`` is the text under the squiggle, None where there must be none."""

    code: str
    packages: str
    text: str
    marked: str | None = None
    fixed: str | None = None


def _of(code: str, *rows: tuple[str, ...]) -> list[Snippet]:
    return [Snippet(code, *row) for row in rows]


LOAD = 'model = AutoModel.from_pretrained("./half"{})'
TOKENIZER = 'tokenizer = AutoTokenizer.from_pretrained("./gpt2")'

SNIPPETS = [
    *_of(
        "dtype-default",
        ("old", LOAD.format(""), '"./half"', LOAD.format(', torch_dtype="auto"')),
        ("late", LOAD.format(""), '"./half"', LOAD.format(', dtype="auto"')),
        (
            "late",
            LOAD.format(", use_cache=False"),
            '"./half"',
            LOAD.format(', use_cache=False, dtype="auto"'),
        ),
        ("old", LOAD.format(", torch_dtype=torch.float32")),
        ("old", LOAD.format(", torch_dtype=dtype")),
        ("old", LOAD.format(", **settings")),
        ("new", LOAD.format("")),
        ("old", LOAD.format(", load_in_8bit=True")),
        ("old", 'model = AutoModel.from_pretrained("./single")'),
        ("old", 'config = AutoConfig.from_pretrained("./half")'),
    ),
    *_of(
        "deprecated-argument",
        (
            "late",
            LOAD.format(", torch_dtype=torch.float16"),
            "torch_dtype",
            LOAD.format(", dtype=torch.float16"),
        ),
        (
            "old",
            'tokenizer = AutoTokenizer.from_pretrained("./gpt2", use_auth_token=True)',
            "use_auth_token",
            'tokenizer = AutoTokenizer.from_pretrained("./gpt2", token=True)',
        ),
        (
            "old",
            LOAD.format(", use_auth_token=t, token=t"),
            "use_auth_token",
            LOAD.format(", token=t"),
        ),
        (
            "old",
            LOAD.format(", load_in_4bit=True"),
            "load_in_4bit",
            LOAD.format(", quantization_config=BitsAndBytesConfig(load_in_4bit=True)"),
        ),
        (
            "old",
            LOAD.format(", use_flash_attention_2=True"),
            "use_flash_attention_2",
            LOAD.format(', attn_implementation="flash_attention_2"'),
        ),
        ("new", LOAD.format(", low_cpu_mem_usage=True"), "low_cpu_mem_usage", LOAD.format("")),
        ("new", LOAD.format(',\n    mirror="tuna",\n'), "mirror", LOAD.format(",\n")),
        (
            "late",
            'pipe = pipeline("text-generation", "./half", torch_dtype="auto")',
            "torch_dtype",
            'pipe = pipeline("text-generation", "./half", dtype="auto")',
        ),
        ("old", LOAD.format(", torch_dtype=torch.float16")),
        ("late", LOAD.format(", dtype=torch.float16")),
        ("old", LOAD.format(", low_cpu_mem_usage=True")),
        ("late", 'model = Mine.from_pretrained("./half", torch_dtype="auto")'),
        (
            "late",
            'from diffusers import AutoModel\nmodel = AutoModel.from_pretrained("./half", torch_dtype=d)',
        ),
        ("late", "from transformers import TFAutoModel\nTFAutoModel.from_pretrained('./half', mirror='a')"),
    ),
    *_of(
        "removed-argument",
        (
            "new",
            LOAD.format(", load_in_8bit=True"),
            "load_in_8bit",
            LOAD.format(", quantization_config=BitsAndBytesConfig(load_in_8bit=True)"),
        ),
        ("new", LOAD.format(", load_in_8bit=False"), "load_in_8bit", LOAD.format("")),
        (
            "new",
            "def load(name):\n    return AutoModel.from_pretrained(name, resume_download=True)",
            "resume_download",
            "def load(name):\n    return AutoModel.from_pretrained(name)",
        ),
        ("new", LOAD.format(", use_auth_token=token"), "use_auth_token", LOAD.format(", token=token")),
        ("new", LOAD.format(", resume_download=True"), "resume_download", LOAD.format("")),
        ("late", LOAD.format(", use_flash_attention_2=False"), "use_flash_attention_2", LOAD.format("")),
        ("old", LOAD.format(", load_in_8bit=True")),
        ("new", 'tokenizer = AutoTokenizer.from_pretrained("./gpt2", resume_download=True)'),
        (
            "new",
            "from unsloth import Fast\nmodel = Fast.from_pretrained('./half', load_in_4bit=True)",
        ),
    ),
    *_of(
        "argument-too-new",
        ("old", LOAD.format(", dtype=torch.float16"), "dtype", LOAD.format(", torch_dtype=torch.float16")),
        (
            "old",
            'model = AutoModelForCausalLM.from_pretrained("./half", dtype="auto")',
            "dtype",
            'model = AutoModelForCausalLM.from_pretrained("./half", torch_dtype="auto")',
        ),
        (
            "bare-old",
            LOAD.format(",\n    dtype=d,\n    revision='main'\n"),
            "dtype",
            LOAD.format(",\n    torch_dtype=d,\n    revision='main'\n"),
        ),
        ("late", LOAD.format(", dtype=torch.float16")),
        ("new", LOAD.format(", dtype=torch.float16")),
        (
            "old",
            "from sentence_transformers import SentenceTransformer as S\nS('./half', dtype='auto')",
        ),
    ),
    *_of(
        "model-not-found",
        ("new", 'model = AutoModel.from_pretrained("./gone")', '"./gone"'),
        ("new", 'tokenizer = AutoTokenizer.from_pretrained("./gone")', '"./gone"'),
        ("new", 'name = "./gone"\npipe = pipeline("text-generation", model=name)', "name"),
        ("new", LOAD.format("")),
        ("new", 'model = AutoModel.from_pretrained("path/to/your/model")'),
        ("new", 'model.save_pretrained("./gone")\nmodel = AutoModel.from_pretrained("./gone")'),
    ),
    *_of(
        "pickle-only",
        ("new", 'model = AutoModel.from_pretrained("./pickled")', '"./pickled"'),
        (
            "old",
            'model = AutoModelForCausalLM.from_pretrained("./pickled", torch_dtype="auto")',
            '"./pickled"',
        ),
        (
            "new",
            'model = AutoModel.from_pretrained("org/pickled")',
            '"org/pickled"',
            'model = AutoModel.from_pretrained("org/pickled", revision="refs/pr/1")',
        ),
        ("new", 'model = AutoModel.from_pretrained("org/pickled", revision="v2")', '"org/pickled"'),
        ("late", 'where = "./pickled"\nmodel = AutoModel.from_pretrained(where)', "where"),
        (
            "new",
            'pipe = pipeline("text-generation", "org/pickled")',
            '"org/pickled"',
            'pipe = pipeline("text-generation", "org/pickled", revision="refs/pr/1")',
        ),
        ("new", 'model = AutoModel.from_pretrained("./half")'),
        ("new", 'model = AutoModel.from_pretrained("./both")'),
        ("new", 'model = AutoModel.from_pretrained("org/pickled", revision="refs/pr/1")'),
        ("new", 'model = AutoModel.from_pretrained("org/pickled", revision=converted)'),
        ("new", 'config = AutoConfig.from_pretrained("./pickled")'),
    ),
    *_of(
        "remote-code-unpinned",
        (
            "new",
            'model = AutoModel.from_pretrained("org/code", trust_remote_code=True)',
            "trust_remote_code=True",
            'model = AutoModel.from_pretrained("org/code")',
        ),
        (
            "new",
            'config = AutoConfig.from_pretrained("org/code", trust_remote_code=True, revision="main")',
            "trust_remote_code=True",
            'config = AutoConfig.from_pretrained("org/code", revision="main")',
        ),
        (
            "old",
            't = AutoTokenizer.from_pretrained("org/code", trust_remote_code=True)',
            "trust_remote_code=True",
        ),
        ("new", 'model = AutoModel.from_pretrained("org/code", trust_remote_code=False)'),
        ("new", f'model = AutoModel.from_pretrained("o/c", trust_remote_code=True, revision="{"0a" * 20}")'),
        ("new", 'model = AutoModel.from_pretrained("o/c", trust_remote_code=True, revision=commit)'),
        ("new", LOAD.format(", trust_remote_code=True")),
    ),
    *_of(
        "tokenizer-mismatch",
        (
            "new",
            'pipe = pipeline("text-generation", model="./half", tokenizer="./gpt2")',
            '"./gpt2"',
            'pipe = pipeline("text-generation", model="./half", tokenizer="./half")',
        ),
        (
            "new",
            f"{TOKENIZER}\n{LOAD.format('')}\ntrainer = Trainer(model, tokenizer=tokenizer)",
            "tokenizer",
            f'tokenizer = AutoTokenizer.from_pretrained("./half")\n{LOAD.format("")}\n'
            "trainer = Trainer(model, tokenizer=tokenizer)",
        ),
        (
            "old",
            f'{TOKENIZER}\nmodel = AutoModel.from_pretrained("./half")\n'
            "trainer = Trainer(model=model, processing_class=tokenizer)",
            "tokenizer",
        ),
        (
            "new",
            f'{TOKENIZER}\nmodel = AutoModelForCausalLM.from_pretrained("./half")\n'
            'inputs = tokenizer("a", return_tensors="pt").to("cpu")\nmodel.generate(**inputs)',
            "inputs",
            'tokenizer = AutoTokenizer.from_pretrained("./half")\n'
            'model = AutoModelForCausalLM.from_pretrained("./half")\n'
            'inputs = tokenizer("a", return_tensors="pt").to("cpu")\nmodel.generate(**inputs)',
        ),
        (
            "new",
            f'tokenizer = AutoTokenizer.from_pretrained("./half")\n{LOAD.format("")}\n'
            'model(**tokenizer("a"))',
        ),
        ("new", f'{TOKENIZER}\n{LOAD.format("")}\nmodel(**own(tokenizer("a")))'),
        ("new", 'pipe = pipeline("text-generation", model="./half", tokenizer="./half")'),
        ("new", 'pipe = pipeline("text-generation", model="./half", tokenizer="./more-tokens")'),
        ("new", 'pipe = pipeline("text-generation", model="./single", tokenizer="./gpt2")'),
        ("new", 'pipe = pipeline("text-generation", model="./half", tokenizer="./gone")'),
    ),
    *_of(
        "adapter-base-mismatch",
        (
            "new",
            'name = "./half"\nm = PeftModel.from_pretrained(AutoModel.from_pretrained(name), "./deep")',
            '"./deep"',
            'name = "./half"\nm = PeftModel.from_pretrained(AutoModel.from_pretrained("./deeper"), "./deep")',
        ),
        ("new", 'm = PeftModel.from_pretrained(AutoModel.from_pretrained("./half"), "./wide")', '"./wide"'),
        (
            "new",
            'base = AutoModel.from_pretrained("./half")\nm = PeftModel.from_pretrained(base, "./deep")',
            '"./deep"',
            'base = AutoModel.from_pretrained("./deeper")\nm = PeftModel.from_pretrained(base, "./deep")',
        ),
        (
            "old",
            'm = PeftModel.from_pretrained(AutoModel.from_pretrained("./half").eval(), model_id="./wide")',
            '"./wide"',
        ),
        ("new", 'm = PeftModel.from_pretrained(AutoModel.from_pretrained("./half"), "./fitting")'),
        ("new", 'm = PeftModel.from_pretrained(AutoModel.from_pretrained("./half"), "./tied-and-fused")'),
        ("new", 'm = PeftModel.from_pretrained(AutoModel.from_pretrained("./gone"), "./wide")'),
        ("new", 'm = PeftModel.from_pretrained(AutoModel.from_pretrained("./four-bit"), "./wide")'),
    ),
    *_of(
        "context-too-long",
        (
            "new",
            f"{TOKENIZER}\nids = tokenizer(texts, max_length=4096, truncation=True)",
            "max_length=4096",
            f"{TOKENIZER}\nids = tokenizer(texts, max_length=1024, truncation=True)",
        ),
        ("new", f"{TOKENIZER}\nids = tokenizer.encode(texts[0], max_length=1025)", "max_length=1025"),
        (
            "new",
            'pipe = pipeline("text-generation", "./gpt2")\npipe("a", max_length=2000)',
            "max_length=2000",
        ),
        (
            "new",
            'model = AutoModelForCausalLM.from_pretrained("./gpt2")\nmodel.generate(x, max_length=99999)',
            "max_length=99999",
        ),
        ("new", f"{TOKENIZER}\nids = tokenizer(texts, max_length=1024)"),
        ("new", f"{TOKENIZER}\nids = tokenizer(texts, max_length=longest)"),
        ("new", 'tokenizer = AutoTokenizer.from_pretrained("./t5")\nids = tokenizer(texts, max_length=4096)'),
        ("new", f"{TOKENIZER}\nother(texts, max_length=4096)"),
    ),
    *_of(
        "pad-token-missing",
        (
            "new",
            f"{TOKENIZER}\nbatch = tokenizer(texts, padding=True)",
            "padding=True",
            f"{TOKENIZER}\ntokenizer.pad_token = tokenizer.eos_token\nbatch = tokenizer(texts, padding=True)",
        ),
        (
            "old",
            f'{TOKENIZER}\nfor text in texts:\n    batch = tokenizer.pad(text, padding="longest")',
            'padding="longest"',
            f"{TOKENIZER}\nfor text in texts:\n    tokenizer.pad_token = tokenizer.eos_token\n"
            '    batch = tokenizer.pad(text, padding="longest")',
        ),
        (
            "late",
            f"{TOKENIZER}\ndef tokens(batch):\n    return tokenizer(batch, padding='max_length')",
            "padding='max_length'",
        ),
        (
            "new",
            f"{TOKENIZER}\ntokenizer.pad_token = tokenizer.eos_token\nbatch = tokenizer(texts, padding=True)",
        ),
        (
            "new",
            f"{TOKENIZER}\ntokenizer.add_special_tokens({{'pad_token': '<p>'}})\ntokenizer(a, padding=True)",
        ),
        ("new", f"{TOKENIZER}\nbatch = tokenizer(texts, padding=False)"),
        (
            "new",
            'tokenizer = AutoTokenizer.from_pretrained("./half")\nbatch = tokenizer(texts, padding=True)',
        ),
    ),
    *_of(
        "quantized-recast",
        (
            "old",
            f"{LOAD.format(', load_in_8bit=True')}\nmodel.half()\nprint(model)",
            "model.half()",
            f"{LOAD.format(', load_in_8bit=True')}\nprint(model)",
        ),
        (
            "new",
            f"{LOAD.format(', quantization_config=BitsAndBytesConfig(load_in_4bit=True)')}\n"
            "model = model.to(torch.float16)",
            "model.to(torch.float16)",
            f"{LOAD.format(', quantization_config=BitsAndBytesConfig(load_in_4bit=True)')}\nmodel = model",
        ),
        (
            "new",
            f"q = GPTQConfig(4)\n{LOAD.format(', quantization_config=q')}\nmodel.to(dtype=torch.float16)",
            "model.to(dtype=torch.float16)",
        ),
        ("new", 'model = AutoModel.from_pretrained("./four-bit")\nmodel.float()', "model.float()"),
        ("old", f"{LOAD.format('')}\nmodel.half()"),
        ("old", f"{LOAD.format(', load_in_8bit=True')}\nmodel.to('cuda')"),
        ("old", f"{LOAD.format(', load_in_8bit=True')}\nmodel.bfloat16()"),
        ("old", f"{LOAD.format(', load_in_8bit=False')}\nmodel.half()"),
    ),
    *_of(
        "missing-package",
        ("bare", LOAD.format(', device_map="auto"'), 'device_map="auto"'),
        (
            "bare",
            LOAD.format(", quantization_config=BitsAndBytesConfig(load_in_8bit=True)"),
            "quantization_config=BitsAndBytesConfig(load_in_8bit=True)",
        ),
        ("bare-old", LOAD.format(", low_cpu_mem_usage=True"), "low_cpu_mem_usage=True"),
        ("bare", 'model = AutoModel.from_pretrained("./fitting")', '"./fitting"'),
        ("new", LOAD.format(', device_map="auto"')),
        ("old", 'tokenizer = AutoTokenizer.from_pretrained("./pieces")', '"./pieces"'),
        ("full", 'tokenizer = AutoTokenizer.from_pretrained("./pieces")'),
        ("bare", 'tokenizer = AutoTokenizer.from_pretrained("./half")'),
        ("bare", 'pipe = pipeline("text-generation", "./half", device_map="auto")', 'device_map="auto"'),
        ("bare", f'{LOAD.format("")}\npipe = pipeline("text-generation", model, device_map="auto")'),
        ("bare", LOAD.format(", device_map=None")),
        ("bare", LOAD.format(", low_cpu_mem_usage=True")),
        ("bare", LOAD.format("")),
    ),
]

MEMORY = [
    (LOAD.format(', dtype="float32"'), True),
    (LOAD.format(", dtype=torch.bfloat16"), True),
    ('pipe = pipeline("text-generation", "./half", dtype="float32")', True),
    (LOAD.format(', dtype="float32", device_map="auto"'), False),
    ('config = AutoConfig.from_pretrained("./half")', False),
    (LOAD.format(", dtype=dtype"), False),
]
"""On a machine with 1 KiB of memory and a device of 24 GiB: what does not fit, and what does."""


def write_models(folder: Path) -> None:
    """The models that the snippets name."""
    for name in ("half", "both"):
        write_model(folder / name)
        write_tokenizer(str(folder / name))
    write_model(folder / "single", dtype="float32")
    _write_pickle(folder / "pickled")
    _write_pickle(folder / "both")
    _write_conversion(folder / "huggingface" / "hub", "org/pickled")
    _write_gpt2(folder / "gpt2")
    _write(folder / "t5" / "config.json", {"model_type": "t5", "n_positions": 512, "vocab_size": 16})
    _write(folder / "t5" / "tokenizer_config.json", {"tokenizer_class": "T5Tokenizer"})
    _write(folder / "pieces" / "config.json", {"model_type": "llama"})
    _write(folder / "pieces" / "tokenizer_config.json", {"tokenizer_class": "LlamaTokenizer"})
    (folder / "pieces" / "tokenizer.model").write_bytes(sentencepiece_model(["<unk>", "a"], 2))
    _more_tokens(folder / "half", folder / "more-tokens")
    write_model(
        folder / "four-bit", quantization_config={"quant_method": "bitsandbytes", "load_in_4bit": True}
    )
    write_model(folder / "deeper", layers=8)
    for name, inputs, layer in (("fitting", 8, 1), ("wide", 12, 1), ("deep", 8, 7)):
        _write_adapter(folder / name, inputs, layer)
    # No checkpoint stores a head that is tied, or all experts of a layer as one, by these names.
    not_stored = ("lm_head", "model.layers.0.mlp.experts.base_layer", "model.layers.0.mlp.experts")
    _write_adapter(folder / "tied-and-fused", 8, 1, not_stored)


def _write(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def _write_pickle(folder: Path) -> None:
    _write(folder / "config.json", {"model_type": "gemma", "architectures": ["GemmaForCausalLM"]})
    (folder / "pytorch_model.bin").write_bytes(pickles.zeros({"model.norm.weight": (2, 3)}))


def _write_conversion(hub: Path, repo_id: str) -> None:
    """Pickles, the same in safetensors in a pull request, and a revision with other safetensors."""
    for revision in ("main", "v2"):
        _write_pickle(new_snapshot(hub, repo_id, revision))
    for revision, shape in (("refs/pr/1", (2, 3)), ("other", (2, 4))):
        snapshot = new_snapshot(hub, repo_id, revision)
        _write(snapshot / "config.json", {"model_type": "gemma", "architectures": ["GemmaForCausalLM"]})
        save_file({"model.norm.weight": np.zeros(shape, "float32")}, snapshot / "model.safetensors")


def _write_gpt2(folder: Path) -> None:
    """Its tokenizer's files name no padding token, as the published ones do not."""
    _write(folder / "config.json", {"model_type": "gpt2", "n_positions": 1024, "vocab_size": 3})
    _write(folder / "tokenizer_config.json", {"model_max_length": 1024})
    _write(folder / "vocab.json", {"a": 0, "<eos>": 1, "b": 2})


def _more_tokens(source: Path, folder: Path) -> None:
    """A copy of a tokenizer to which a token was added."""
    write_model(folder)
    tokenizer = json.loads((source / "tokenizer.json").read_text())
    tokenizer["added_tokens"].append({"id": 512, "content": "<new>", "special": True})
    _write(folder / "tokenizer.json", tokenizer)


def _write_adapter(folder: Path, inputs: int, layer: int, more: Sequence[str] = ()) -> None:
    config = {
        "peft_type": "LORA",
        "r": 2,
        "target_modules": ["q_proj"],
        "base_model_name_or_path": "./deeper",
    }
    _write(folder / "adapter_config.json", config)
    modules = [*(f"model.layers.{number}.self_attn.q_proj" for number in {0, layer}), *more]
    tensors = {
        f"base_model.model.{module}.lora_{side}.weight": np.zeros(shape, "float32")
        for module in modules
        for side, shape in (("A", (2, inputs)), ("B", (8, 2)))
    }
    save_file(tensors, str(folder / "adapter_model.safetensors"))
