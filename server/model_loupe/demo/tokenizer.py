"""A small tokenizer in Gemma's manner: byte-pair merges over ``▁``-joined words, falling back to bytes."""

from __future__ import annotations

import json
import os
from collections import Counter
from itertools import pairwise

VOCABULARY_SIZE = 512
SPECIAL_TOKENS = ("<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "<start_of_turn>", "<end_of_turn>")
WORD_START = "▁"

# What the merges are learnt from: plain prose and a little Python, so that both split into sensible pieces.
CORPUS = """
A model is a function with many parameters. The tokenizer turns the text into tokens, the embedding turns
the tokens into vectors, and every layer of the model adds what it learned to them: first attention, where
each position looks at the others, then the feed forward part, which works on each position alone. At the
end the head, whose weights are those of the embedding, turns the last vector into a probability for each
token of the vocabulary. What the weights are worth depends on how they are stored: the number of bytes of
each parameter, the range and the precision of the format, and what is lost when one is cast to another.
from transformers import AutoModelForCausalLM, AutoTokenizer
model = AutoModelForCausalLM.from_pretrained(model_name, dtype=torch.bfloat16)
tokenizer = AutoTokenizer.from_pretrained(model_name)
inputs = tokenizer("What is the answer to the question?", return_tensors="pt")
outputs = model.generate(**inputs, max_new_tokens=20)
print(tokenizer.decode(outputs[0], skip_special_tokens=True))
"""

# The turn format that Gemma was trained on.
CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "{% set role = 'model' if message['role'] == 'assistant' else message['role'] %}"
    "{{ '<start_of_turn>' + role + '\\n' + message['content'] | trim + '<end_of_turn>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<start_of_turn>model\\n' }}{% endif %}"
)


def write_tokenizer(folder: str) -> None:
    """Writes ``tokenizer.json`` and ``tokenizer_config.json``, as transformers' fast tokenizers read them."""
    for name, content in (("tokenizer.json", _tokenizer()), ("tokenizer_config.json", _tokenizer_config())):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            json.dump(content, file, indent=1, ensure_ascii=False)
            file.write("\n")


def _tokenizer() -> dict[str, object]:
    alphabet = [*SPECIAL_TOKENS, *(f"<0x{byte:02X}>" for byte in range(256)), WORD_START, *_characters()]
    merges = _learn_merges(VOCABULARY_SIZE - len(alphabet))
    vocabulary = [*alphabet, *(left + right for left, right in merges)]
    bos = {"SpecialToken": {"id": "<bos>", "type_id": 0}}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": number, **_special(token)} for number, token in enumerate(SPECIAL_TOKENS)],
        "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": WORD_START},
        "pre_tokenizer": {
            "type": "Split",
            "pattern": {"String": " "},
            "behavior": "MergedWithPrevious",
            "invert": False,
        },
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [bos, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [bos, {"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
            "special_tokens": {"<bos>": {"id": "<bos>", "ids": [2], "tokens": ["<bos>"]}},
        },
        "decoder": {
            "type": "Sequence",
            "decoders": [
                {"type": "Replace", "pattern": {"String": WORD_START}, "content": " "},
                {"type": "ByteFallback"},
                {"type": "Fuse"},
            ],
        },
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": "<unk>",
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": True,
            "byte_fallback": True,
            "ignore_merges": False,
            "vocab": {token: number for number, token in enumerate(vocabulary)},
            "merges": [list(merge) for merge in merges],
        },
    }


def _tokenizer_config() -> dict[str, object]:
    return {
        "add_bos_token": True,
        "add_eos_token": False,
        "added_tokens_decoder": {str(number): _special(token) for number, token in enumerate(SPECIAL_TOKENS)},
        "additional_special_tokens": ["<start_of_turn>", "<end_of_turn>"],
        "bos_token": "<bos>",
        "chat_template": CHAT_TEMPLATE,
        "clean_up_tokenization_spaces": False,
        "eos_token": "<eos>",
        "model_max_length": 8192,
        "pad_token": "<pad>",
        "tokenizer_class": "GemmaTokenizer",
        "unk_token": "<unk>",
    }


def _special(token: str) -> dict[str, object]:
    return {
        "content": token,
        "lstrip": False,
        "normalized": False,
        "rstrip": False,
        "single_word": False,
        "special": True,
    }


def _characters() -> list[str]:
    """Printable ASCII and the newline; the space is ``▁``."""
    return ["\n", *(chr(code) for code in range(0x21, 0x7F))]


def _learn_merges(count: int) -> list[tuple[str, str]]:
    """The ``count`` byte-pair merges of ``CORPUS``: again and again the most frequent pair of neighbours."""
    words = Counter(WORD_START + word for word in CORPUS.split())
    pieces = {word: list(word) for word in words}
    merges: list[tuple[str, str]] = []
    while len(merges) < count:
        pairs: Counter[tuple[str, str]] = Counter()
        for word, times in words.items():
            parts = pieces[word]
            for pair in pairwise(parts):
                pairs[pair] += times
        # Between equals the smaller pair, so that the result does not hang on the order of a dictionary.
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        for word in words:
            pieces[word] = _merged(pieces[word], best)
    return merges


def _merged(parts: list[str], pair: tuple[str, str]) -> list[str]:
    merged: list[str] = []
    position = 0
    while position < len(parts):
        if tuple(parts[position : position + 2]) == pair:
            merged.append(parts[position] + parts[position + 1])
            position += 2
        else:
            merged.append(parts[position])
            position += 1
    return merged
