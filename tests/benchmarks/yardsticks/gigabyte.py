"""Writes a real checkpoint of half a billion random bfloat16 parameters into a folder."""

import sys

import torch
from transformers import LlamaConfig, LlamaForCausalLM

torch.set_default_dtype(torch.bfloat16)
config = LlamaConfig(
    hidden_size=1536,
    intermediate_size=6144,
    num_hidden_layers=11,
    num_attention_heads=12,
    num_key_value_heads=12,
    vocab_size=32000,
    tie_word_embeddings=False,
    dtype="bfloat16",
)
LlamaForCausalLM(config).save_pretrained(sys.argv[1])
