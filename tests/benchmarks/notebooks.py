"""A notebook as people write them, of any length."""

from __future__ import annotations

_LOADING = """from transformers import AutoModelForCausalLM, AutoTokenizer
name_{0} = "org-{0}/model-{0}b"
model_{0} = AutoModelForCausalLM.from_pretrained(
    name_{0},
    torch_dtype=torch.bfloat16,
    device_map="auto",
)
print(sum(p.numel() for p in model_{0}.parameters()))
"""
_OTHER = """def evaluate_{0}(batch, threshold=0.5):
    outputs = run(batch["input_ids"], attention_mask=batch["attention_mask"])
    predictions = (outputs.logits > threshold).float()
    return {{"accuracy": (predictions == batch["labels"]).mean().item(), "step": {0}}}

results_{0} = [evaluate_{0}(batch) for batch in loader if batch is not None]
print(f"cell {0}: {{len(results_{0})}} batches")
"""


def cells(count: int = 1000, references: int = 300) -> list[str]:
    """The sources of ``count`` cells, ``references`` of which load a model by a name."""
    every = count / references
    loading = {int(number * every) for number in range(references)}
    return [(_LOADING if number in loading else _OTHER).format(number) for number in range(count)]
