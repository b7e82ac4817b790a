"""What is said of calls whose outcome is a failure, or not known: never a number that looks exact."""

from __future__ import annotations

from pathlib import Path

import pytest

from model_loupe.domain.architecture import Architecture, BuiltModule, Join, Mismatch
from model_loupe.domain.errors import LoupeError
from model_loupe.domain.loading import LoadOptions
from model_loupe.inspector import Description, Inspector, ModelRequest, card, summary
from tests.support.checkpoints import write_checkpoint

TENSORS = [("model.embed_tokens.weight", "BF16", (16, 8)), ("model.norm.weight", "BF16", (8,))]


@pytest.fixture
def description(tmp_path: Path) -> Description:
    write_checkpoint(tmp_path, {"model_type": "gemma", "torch_dtype": "bfloat16"}, TENSORS)
    return Inspector().describe(ModelRequest(str(tmp_path)))


def as_built(description: Description, options: LoadOptions, join: Join | None = None) -> Description:
    root = BuiltModule("", "GemmaModel", None, "GemmaModel", (), 136, 272, 272, (), (), ())
    built = Architecture("GemmaModel", "5.0.0", root, "", 136, 136, 272, "bfloat16", "auto", (), join, ())
    return description._replace(built=built, built_for=options)


def mismatched() -> Join:
    return Join((), 0, (), 0, (Mismatch("classifier.weight", (2, 8), (9, 8)),), 1, 0)


def test_another_shape_is_no_load(description: Description) -> None:
    options = LoadOptions(builder="AutoModelForSequenceClassification")
    view = as_built(description, options, mismatched())
    assert "loads" not in summary(view, options)
    assert "loading fails: 1 of its parameters have another shape" in summary(view, options)
    assert "| Loads as | fails: " in card(view, options, requested="x")


def test_unless_the_call_says_that_it_may(description: Description) -> None:
    options = LoadOptions(takes_any_shape=True)
    view = as_built(description, options, mismatched())
    assert "loads bfloat16" in summary(view, options)
    assert "loading fails" not in card(view, options, requested="x")


def test_a_class_that_does_not_take_the_model(description: Description) -> None:
    view = description._replace(
        not_built=LoupeError("wrong-auto-class", "AutoModelForCausalLM takes no T5Config")
    )
    text = summary(view, LoadOptions())
    assert text.endswith("loading fails: AutoModelForCausalLM takes no T5Config")
    assert card(view, LoadOptions(), requested="x").count("takes no T5Config") == 1


def test_an_argument_that_is_not_known_marks_the_count(description: Description) -> None:
    options = LoadOptions(unknown=("num_labels",))
    view = as_built(description, options)
    assert "≈ 136 params" in summary(view, options)
    assert "≈ Built with the default of `num_labels=`" in card(view, options, requested="x")
    assert "loads bfloat16 ≈ 272 B" in summary(view, options)
    assert "≈" not in summary(as_built(description, LoadOptions()), LoadOptions())


def test_an_argument_that_is_not_known_may_be_what_the_checkpoint_has(description: Description) -> None:
    options = LoadOptions(unknown=("num_labels",))
    view = as_built(description, options, mismatched())
    assert view.fails is None
    assert "fails" not in summary(view, options)
    told = card(view, options, requested="x")
    assert "fails" not in told
    assert "(9, 8) in the model with the default of num_labels= |" in told


def test_a_config_that_is_not_known_may_be_one_that_the_class_takes(description: Description) -> None:
    refused = LoupeError("wrong-auto-class", "AutoModelForCausalLM takes no T5Config")
    for unknown, fails in ((("num_labels",), True), (("config",), False)):
        options = LoadOptions(unknown=unknown)
        view = description._replace(not_built=refused, built_for=options)
        assert ("loading fails" in summary(view, options)) is fails
        told = card(view, options, requested="x")
        assert ("loading fails" in told or "| fails" in told) is fails
        assert "takes no T5Config" in told


def test_training_is_of_what_is_built(description: Description) -> None:
    view = as_built(description, LoadOptions())._replace(built_for=LoadOptions())
    assert view.built is not None
    view = view._replace(built=view.built._replace(parameters=1000))
    assert "15.62 KiB AdamW" in card(view, LoadOptions(), requested="x")
