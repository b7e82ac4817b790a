"""Roles in feed-forward networks, dense ones and mixtures of experts."""

from __future__ import annotations

from model_loupe.domain.explain.role import Role, Table, linear

TABLE = Table()

_ALL = "intermediate | shared_intermediate | expert_intermediate | shared_experts*expert_intermediate"
_UP = linear("Takes the hidden state to the inner size of the feed-forward network.", _ALL, "hidden")
_GATE = linear(
    "Makes the gate: activated, it multiplies the other branch element by element.", _ALL, "hidden"
)
_DOWN = linear("Brings the feed-forward network's result back to the hidden size.", "hidden", _ALL)
_BOTH = linear(
    "Makes the gate and what it multiplies at once.", "2*intermediate | 2*shared_intermediate", "hidden"
)

TABLE.add("gate_proj wi_0 ffn_gate ffn_gate_shexp feed_forward.w1 experts.w1", _GATE)
TABLE.add(
    "up_proj wi_1 ffn_up_shexp feed_forward.w3 experts.w3 "
    "fc1 c_fc fc_in dense_h_to_4h intermediate.dense DenseReluDense.wi lin1 intermediate_dense pwconv1 "
    "mlp.linear_fc1 albert_layers.ffn ffn_up",
    _UP,
)
TABLE.add(
    "down_proj fc2 fc_out dense_4h_to_h mlp.c_proj output.dense DenseReluDense.wo lin2 output_dense pwconv2 "
    "mlp.Wo mlp.linear_fc2 ffn_output ffn_down ffn_down_shexp output_linear feed_forward.w2 experts.w2",
    _DOWN,
)
TABLE.add("gate_up_proj mlp.Wi input_linear", _BOTH)

_EXPERT_UP = Role(
    "experts",
    "Gate and up projections of all experts in one tensor.",
    ("experts", "2*expert_intermediate", "hidden"),
)
_EXPERT_DOWN = Role(
    "experts", "Down projections of all experts in one tensor.", ("experts", "hidden", "expert_intermediate")
)
# gpt-oss and Llama 4 multiply from the other side.
_EXPERT_UP_TRANSPOSED = _EXPERT_UP._replace(axes=("experts", "hidden", "2*expert_intermediate"))
_EXPERT_DOWN_TRANSPOSED = _EXPERT_DOWN._replace(axes=("experts", "expert_intermediate", "hidden"))
_EXPERT_ONE_UP = Role(
    "experts", "Up projections of all experts in one tensor.", ("experts", "expert_intermediate", "hidden")
)
_EXPERT_GATE = _EXPERT_ONE_UP._replace(sentence="Gate projections of all experts in one tensor.")
TABLE.add("experts.gate_up_proj", _EXPERT_UP, _EXPERT_UP_TRANSPOSED)
TABLE.add("experts.down_proj ffn_down_exps", _EXPERT_DOWN, _EXPERT_DOWN_TRANSPOSED)
TABLE.add("experts.up_proj ffn_up_exps", _EXPERT_ONE_UP)
TABLE.add("ffn_gate_exps", _EXPERT_GATE)
TABLE.add(
    "experts.gate_up_proj_bias",
    Role("values", "Biases of the experts' gate and up projections.", ("experts", "2*expert_intermediate")),
)
TABLE.add(
    "experts.down_proj_bias",
    Role("values", "Biases of the experts' down projections.", ("experts", "hidden")),
)

_ROUTER = linear(
    "The router: a score of each expert for each token; the best ones compute it.", "experts", "hidden"
)
TABLE.add(
    "mlp.gate mlp.router block_sparse_moe.gate block_sparse_moe.router feed_forward.router mixer.gate",
    _ROUTER,
)
TABLE.add("feed_forward.gate moe.gate router.layer router.classifier router.proj ffn_gate_inp", _ROUTER)
TABLE.add(
    "shared_expert_gate",
    linear("How much of the shared expert's result each token takes.", "1", "hidden"),
)
TABLE.add(
    "e_score_correction_bias",
    Role(
        "values", "Added to the router's scores when experts are chosen, to balance their load.", ("experts",)
    ),
)
