"""Roles in layers without attention: state spaces (Mamba), gated delta rules, linear recurrences."""

from __future__ import annotations

from model_loupe.domain.explain.role import Role, Table, linear

TABLE = Table()

_GATE_AND_INPUT = linear(
    "Makes the input of the state space and the gate of what comes out.", "2*ssm_inner", "hidden"
)
# Mamba-2 (arXiv:2405.21060) makes B, C and the steps in the same product.
_ALL_AT_ONCE = linear(
    "Makes gate, input, B, C and the step sizes of the state space at once.",
    "2*ssm_inner + 2*groups*state + ssm_heads",
    "hidden",
)
TABLE.add("mixer.in_proj mamba.in_proj ssm_in", _GATE_AND_INPUT, _ALL_AT_ONCE)
TABLE.add(
    "mixer.out_proj mamba.out_proj ssm_out",
    linear("Brings what the state space gives back to the hidden size.", "hidden", "ssm_inner"),
)
TABLE.add(
    "mixer.x_proj mamba.x_proj ssm_x",
    linear("Makes step size, B and C of the state space from each token.", "dt_rank + 2*state", "ssm_inner"),
)
TABLE.add(
    "mixer.dt_proj mamba.dt_proj ssm_dt",
    linear("Makes a step size for each channel.", "ssm_inner", "dt_rank"),
)
_CAUSAL = Role("causal", "Mixes each channel with the tokens just before.", ("ssm_inner", "1", "kernel"))
_CAUSAL_ALL = _CAUSAL._replace(axes=("ssm_inner + 2*groups*state", "1", "kernel"))
TABLE.add("mixer.conv1d mamba.conv1d", _CAUSAL, _CAUSAL_ALL)
TABLE.add(
    "A_log",
    Role("values", "How fast each state fades: A = −exp(A_log).", ("ssm_inner", "state")),
    Role("values", "How fast each head's state fades: A = −exp(A_log).", ("ssm_heads",)),
    Role("values", "How fast each head's state fades: A = −exp(A_log).", ("value_heads",)),
)
TABLE.add(
    "D",
    Role("values", "How much of the input each channel passes on directly.", ("ssm_inner",)),
    Role("values", "How much of the input each head passes on directly.", ("ssm_heads",)),
)
TABLE.add(
    "dt_bias",
    Role("values", "Bias of the step sizes.", ("ssm_heads | value_heads",)),
)

# Gated delta rule (Qwen3-Next; arXiv:2412.06464).
TABLE.add(
    "linear_attn.in_proj_qkvz",
    linear(
        "Makes queries, keys, values and the gate of linear attention at once.",
        "2*key_heads*key_dim + 2*value_heads*value_dim",
        "hidden",
    ),
)
TABLE.add(
    "linear_attn.in_proj_qkv",
    linear(
        "Makes queries, keys and values of linear attention at once.",
        "2*key_heads*key_dim + value_heads*value_dim",
        "hidden",
    ),
)
TABLE.add(
    "linear_attn.in_proj_z",
    linear("Makes the gate of what linear attention gives.", "value_heads*value_dim", "hidden"),
)
TABLE.add(
    "linear_attn.in_proj_ba",
    linear("Makes how much each head writes and forgets at each token.", "2*value_heads", "hidden"),
)
TABLE.add(
    "linear_attn.in_proj_b", linear("Makes how much each head writes at each token.", "value_heads", "hidden")
)
TABLE.add(
    "linear_attn.in_proj_a",
    linear("Makes how much each head forgets at each token.", "value_heads", "hidden"),
)
TABLE.add(
    "linear_attn.conv1d",
    _CAUSAL._replace(axes=("2*key_heads*key_dim + value_heads*value_dim", "1", "kernel")),
)
TABLE.add(
    "linear_attn.out_proj",
    linear("Mixes what the heads give back into the hidden state.", "hidden", "value_heads*value_dim"),
)
TABLE.add("linear_attn.norm", Role("norm", "Normalises what each head gives.", ("value_dim",)))

# RG-LRU (Griffin, arXiv:2402.19427).
TABLE.add("temporal_block.linear_x", linear("Makes the input of the recurrence.", "lru", "hidden"))
TABLE.add("temporal_block.linear_y", linear("Makes the gate of what the recurrence gives.", "lru", "hidden"))
TABLE.add(
    "temporal_block.linear_out", linear("Brings the recurrence back to the hidden size.", "hidden", "lru")
)

TABLE.add("temporal_block.conv_1d", _CAUSAL._replace(axes=("lru", "1", "kernel")))

# LFM2's short convolutions.
TABLE.add("conv.in_proj", linear("Makes two gates and the input of the convolution.", "3*hidden", "hidden"))
TABLE.add("conv.out_proj", linear("Mixes the gated channels back into the hidden state.", "hidden", "hidden"))
TABLE.add("conv.conv", _CAUSAL._replace(axes=("hidden", "1", "kernel")))
