"""The model that a call would build, on the meta device: its classes and shapes, no memory.

Nothing of a model's repository is run: a model type that this transformers does not have stays unbuilt.
"""

from __future__ import annotations

import contextlib
import copy
import importlib
import inspect
import json
import os
import re
import shutil
import tempfile
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
import transformers
from transformers import AutoConfig, AutoModel, PreTrainedModel
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from .dtypes import Load, load_dtype, set_on_config
from .errors import WorkerError, failed
from .stack import version_of

_REMEMBERED = 2
_MOST_LAYERS = 10_000
_LAYERS = (
    *("num_hidden_layers", "n_layer", "n_layers", "num_layers", "encoder_layers", "decoder_layers"),
    *("num_encoder_layers", "num_decoder_layers"),
)
# Classes of other libraries, and the transformers class that each builds inside.
_WRAPPED = {
    "AutoAdapterModel": "AutoModel",
    "AutoModelForCausalLMWithValueHead": "AutoModelForCausalLM",
    "AutoModelForSeq2SeqLMWithValueHead": "AutoModelForSeq2SeqLM",
    "AutoPeftModel": "AutoModel",
    "AutoPeftModelForCausalLM": "AutoModelForCausalLM",
    "AutoPeftModelForSeq2SeqLM": "AutoModelForSeq2SeqLM",
    "AutoPeftModelForSequenceClassification": "AutoModelForSequenceClassification",
    "AutoPeftModelForTokenClassification": "AutoModelForTokenClassification",
    "CrossEncoder": "AutoModelForSequenceClassification",
    "FastLanguageModel": "AutoModelForCausalLM",
    "SentenceTransformer": "AutoModel",
}

# What ``from_pretrained`` keeps for itself: neither a config nor a class is given it.
_LOADING = frozenset(
    (
        "_commit_hash",
        "_from_auto",
        "_from_pipeline",
        "cache_dir",
        "code_revision",
        "config",
        "dtype",
        "force_download",
        "from_flax",
        "from_tf",
        "gguf_file",
        "local_files_only",
        "pretrained_model_name_or_path",
        "proxies",
        "resume_download",
        "return_unused_kwargs",
        "revision",
        "state_dict",
        "subfolder",
        "token",
        "torch_dtype",
        "trust_remote_code",
        "use_auth_token",
        "variant",
    )
)


class Built(NamedTuple):
    """A model on the meta device, without quantisation, and the dtype that it is built and loaded in."""

    model: Any
    load: Load


_built: OrderedDict[str, Built] = OrderedDict()


def build(params: dict[str, Any]) -> Built:
    """The model for ``config`` as ``builder`` would make it; the last ones are kept.

    ``builder`` is the class that the call names (None: the config's own), ``task`` a pipeline's task,
    ``overrides`` the call's other literal arguments, ``dtype`` what it gives for its dtype (None: nothing),
    ``first_floating`` the dtype of the checkpoint's first floating tensor, ``name`` the model's.
    Raises WorkerError.
    """
    key = _key(params)
    found = _built.pop(key, None)
    if found is None:
        while len(_built) >= _REMEMBERED:
            _built.popitem(last=False)
        found = _build(params)
    _built[key] = found
    return found


def forget(params: dict[str, Any]) -> None:
    """Build the model for ``params`` anew next time: the last one will be changed."""
    _built.pop(_key(params), None)


def _key(params: dict[str, Any]) -> str:
    keys = ("config", "builder", "task", "overrides", "dtype", "first_floating", "name")
    return json.dumps([params.get(name) for name in keys])


def _build(params: dict[str, Any]) -> Built:
    given: dict[str, Any] = params["config"]
    _refuse_absurd(given)
    _refuse_remote_code(given)
    overrides = {
        name: value for name, value in (params.get("overrides") or {}).items() if name not in _LOADING
    }
    with _folder(given, params.get("name") or "model") as folder:
        try:
            model_class, config, unused = _class_and_config(folder, given, params, overrides)
        except WorkerError:
            raise
        except Exception as error:
            raise _without(folder, failed(error, "reading the config")) from error
    load = load_dtype(config, params.get("dtype"), params.get("first_floating"))
    set_on_config(config, load)
    attention = overrides.get("attn_implementation")
    if isinstance(attention, str):
        config._attn_implementation = attention
    try:
        model = instantiate(model_class, config, load.dtype, _taken(model_class, unused))
    except Exception as error:
        raise failed(error, f"building {model_class.__name__}") from error
    return Built(model, load)


def _taken(model_class: Any, arguments: dict[str, Any]) -> dict[str, Any]:
    """Of what is no field of the config, what the class's constructor takes: ``add_pooling_layer``."""
    known = inspect.signature(model_class.__init__).parameters
    return {name: value for name, value in arguments.items() if name in known}


def instantiate(model_class: Any, config: Any, dtype: torch.dtype, arguments: dict[str, Any]) -> Any:
    """``model_class(config, **arguments)`` on the meta device, tied as ``from_pretrained`` leaves it."""
    try:
        return _instantiate(model_class, config, dtype, arguments, initialise=False)
    except Exception:
        # Some classes use what the initialising functions return.
        return _instantiate(model_class, config, dtype, arguments, initialise=True)


def _instantiate(
    model_class: Any, config: Any, dtype: torch.dtype, arguments: dict[str, Any], *, initialise: bool
) -> Any:
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with contextlib.ExitStack() as contexts:
            contexts.enter_context(torch.device("meta"))
            for name in _CONTEXTS if initialise else ("no_init_weights", *_CONTEXTS):
                context = _library_context(name)
                if context is not None:
                    contexts.enter_context(context())
            model = model_class(copy.deepcopy(config), **arguments)
    finally:
        torch.set_default_dtype(before)
    _tie(model)
    return model


def _tie(model: Any) -> None:
    """Version 5 ties all of a model; version 4 leaves parts untied that were built without initialising."""
    if version_of("transformers") < (5, 0):
        for module in reversed(list(model.modules())):
            if isinstance(module, PreTrainedModel):
                module.tie_weights()
    model.tie_weights()


# What ``from_pretrained`` of version 5 builds under, beside the device. Version 4 builds under
# ``no_init_weights``: initialising parameters of the meta device does nothing, slowly.
_CONTEXTS = ("meta_device_safe_creation_ops", "apply_patches")


def _library_context(name: str) -> Any:
    for module in ("initialization", "modeling_utils"):
        with contextlib.suppress(ImportError):
            found = getattr(importlib.import_module(f"transformers.{module}"), name, None)
            if found is not None:
                return found
    return None


def _refuse_absurd(config: Any) -> None:
    """No model has so many layers: building them would take all of the time and memory that there is."""
    if not isinstance(config, dict):
        return
    parts = [config, *(part for part in config.values() if isinstance(part, dict))]
    for part in parts:
        for name, value in part.items():
            if name in _LAYERS and type(value) is int and value > _MOST_LAYERS:
                raise WorkerError("absurd-config", f"the config says {name} = {value:,}: that is not built")


def _refuse_remote_code(config: dict[str, Any]) -> None:
    model_type = config.get("model_type")
    if not isinstance(model_type, str) or not model_type:
        if config.get("auto_map"):
            raise _remote_code()
        return
    if model_type in CONFIG_MAPPING:
        return
    if config.get("auto_map"):
        raise _remote_code()
    message = f"transformers {transformers.__version__} has no model type {model_type!r}"
    raise WorkerError("unknown-model-type", message)


def _without(folder: str, error: WorkerError) -> WorkerError:
    """Our folder means nothing to a reader."""
    return WorkerError(error.code, error.message.replace(folder, "this model"))


def _remote_code() -> WorkerError:
    return WorkerError(
        "remote-code",
        "the model is built by code of its own repository, which is never run here: shown from its files",
    )


@contextlib.contextmanager
def _folder(config: dict[str, Any], name: str) -> Iterator[str]:
    """A folder with this config.json, called as the model is: old configs without a type go by that name."""
    above = tempfile.mkdtemp(prefix="model-loupe-")
    try:
        folder = os.path.join(above, re.sub(r"[^A-Za-z0-9._-]", "-", name)[-80:] or "model")
        os.mkdir(folder)
        with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as file:
            json.dump(config, file)
        yield folder
    finally:
        shutil.rmtree(above, ignore_errors=True)


def _class_and_config(
    folder: str, given: dict[str, Any], params: dict[str, Any], overrides: dict[str, Any]
) -> tuple[Any, Any, dict[str, Any]]:
    """The class, its config, and the overrides that are no field of it."""
    builder = str(params.get("builder") or "")
    builder = _WRAPPED.get(builder, builder)
    concrete = _model_class(builder)
    if concrete is not None and concrete.config_class is not None:
        config, unused = concrete.config_class.from_pretrained(folder, return_unused_kwargs=True, **overrides)
        return concrete, config, unused
    config, unused = AutoConfig.from_pretrained(
        folder, return_unused_kwargs=True, trust_remote_code=False, **overrides
    )
    return (*_chosen(builder, params.get("task"), given, config), unused)


def _chosen(builder: str, task: Any, given: dict[str, Any], config: Any) -> tuple[Any, Any]:
    """Where the call names no class: by its Auto class, its task, or what the config names."""
    auto = getattr(transformers, builder, None) if builder else None
    if hasattr(auto, "_model_mapping"):
        return _auto_class(auto, config)
    found = _task_class(str(task), config) if builder == "pipeline" and task else None
    return found or _own_class(given, config)


def _model_class(name: object) -> Any:
    """The model class of transformers with this name; None if there is none."""
    found = getattr(transformers, name, None) if isinstance(name, str) and name else None
    return found if isinstance(found, type) and issubclass(found, PreTrainedModel) else None


def _own_class(given: dict[str, Any], config: Any) -> tuple[Any, Any]:
    """The class that the config names, else the one without a head."""
    names = given.get("architectures")
    for name in names if isinstance(names, list) else []:
        found = _model_class(name)
        if found is not None:
            return found, _for_class(found, config)
    return _auto_class(AutoModel, config)


def _auto_class(auto: Any, config: Any) -> tuple[Any, Any]:
    """As ``from_pretrained`` of an Auto class chooses (``auto_factory.py``)."""
    if type(config) not in auto._model_mapping:
        kinds = f"{auto.__name__} takes no {type(config).__name__}"
        raise WorkerError("wrong-auto-class", f"{kinds}: from_pretrained of this call fails")
    found = auto._model_mapping[type(config)]
    if isinstance(found, (list, tuple)):
        names = getattr(config, "architectures", None) or []
        by_name = {each.__name__: each for each in found}
        found = next((by_name[name] for name in names if name in by_name), found[0])
    return found, _for_class(found, config)


def _for_class(model_class: Any, config: Any) -> Any:
    """A model of text alone takes the text's part of a composite config."""
    wanted = getattr(model_class, "config_class", None)
    text = getattr(config, "sub_configs", {}).get("text_config")
    if wanted is not None and text is not None and wanted is text and not isinstance(config, wanted):
        quantization = getattr(config, "quantization_config", None)
        config = config.get_text_config()
        if quantization is not None:
            config.quantization_config = quantization
    return config


def _task_class(task: str, config: Any) -> tuple[Any, Any] | None:
    """The first of a pipeline's classes that takes the config; None leaves the choice to the config."""
    from transformers.pipelines import PIPELINE_REGISTRY

    try:
        _, targeted, _ = PIPELINE_REGISTRY.check_task(task)
    except Exception:
        return None
    classes = targeted.get("pt") or ()
    for auto in classes if isinstance(classes, (list, tuple)) else (classes,):
        if type(config) in getattr(auto, "_model_mapping", ()):
            return _auto_class(auto, config)
    return None
