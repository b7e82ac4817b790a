"""Roles at both ends of a model: embeddings, norms, heads, pooling, projectors between parts."""

from __future__ import annotations

from model_loupe.domain.explain.role import Role, Table, linear, pooled

TABLE = Table()

# Mamba pads its vocabulary; others say the padded size in the config.
_TOKENS = Role(
    "embedding",
    "The token embedding: one row for each id of the vocabulary.",
    ("vocabulary", "hidden | embedding"),
)
# Mllama has rows for the image's tokens beside.
_TOKENS_AND_IMAGES = _TOKENS._replace(axes=("vocabulary + 8", "hidden | embedding"))
_PLACES = Role(
    "embedding",
    "The position embedding: one learned row for each position.",
    ("positions", "hidden | embedding"),
)
# OPT, BART and RoBERTa leave the first two rows free (the padding's).
_PLACES_PADDED = _PLACES._replace(axes=("positions + 2", "hidden | embedding"))
_PATCH_PLACES = Role(
    "embedding",
    "The position embedding: one learned row for each patch of the image.",
    ("patches | positions", "hidden"),
)
_PATCH_AND_CLASS = _PATCH_PLACES._replace(
    sentence="The position embedding: one learned row for each patch of the image and one for the class.",
    axes=("patches + 1", "hidden"),
)

TABLE.add(
    "embed_tokens wte word_embeddings tok_embeddings shared embed_in backbone.embeddings model.embeddings "
    "text_model.embeddings.token_embedding token_embedding embeddings.weight token_embd",
    _TOKENS,
    _TOKENS_AND_IMAGES,
)
TABLE.add("wpe position_embeddings embed_positions position_embd", _PLACES, _PLACES_PADDED)
TABLE.add("position_embedding position_embeddings.weight", _PATCH_PLACES, _PATCH_AND_CLASS, _PLACES)
TABLE.add("pos_embed", _PATCH_PLACES)
TABLE.add(
    "token_type_embeddings",
    Role(
        "embedding",
        "The token type embedding: one row for each kind of text (first, second).",
        ("types", "hidden | embedding"),
    ),
)
TABLE.add(
    "embed_tokens_per_layer",
    Role(
        "embedding",
        "A small embedding of each token for every layer.",
        ("layer_vocabulary", "layers*layer_embedding"),
    ),
)
TABLE.add(
    "per_layer_model_projection",
    linear("Projects the embedding to what each layer is given.", "layers*layer_embedding", "hidden"),
)
TABLE.add(
    "per_layer_input_gate",
    linear("Makes a gate for this layer's own embedding of the token.", "layer_embedding", "hidden"),
)
TABLE.add(
    "per_layer_projection",
    linear("Brings this layer's own embedding to the hidden size.", "hidden", "layer_embedding"),
)
TABLE.add(
    "embedding_hidden_mapping_in embeddings_project",
    linear("Brings the smaller embedding to the hidden size.", "hidden", "embedding"),
)
TABLE.add("project_in", linear("Brings the embedding to the hidden size.", "hidden", "embedding"))
TABLE.add("project_out", linear("Brings the hidden state to the embedding's size.", "embedding", "hidden"))

_HEAD = linear(
    "The language modelling head: a score of each id of the vocabulary.", "vocabulary", "hidden | embedding"
)
TABLE.add(
    "lm_head embed_out lm_head.decoder predictions.decoder vocab_projector generator_lm_head proj_out "
    "decoder cls.predictions.decoder output output_projection",
    _HEAD,
)
_TRANSFORM = linear(
    "Prepares the hidden state for the language modelling head.", "hidden | embedding", "hidden"
)
TABLE.add(
    "transform.dense lm_head.dense vocab_transform predictions.dense generator_predictions.dense head.dense",
    _TRANSFORM,
)
_CLASSIFIER = pooled(
    "The classification head: a score of each label.",
    "labels",
    "hidden | 2*hidden | vision_hidden | projection",
)
TABLE.add("classifier score classifier.out_proj qa_outputs", _CLASSIFIER)
TABLE.add(
    "classifier.dense pre_classifier",
    pooled("Prepares the pooled hidden state for the classification head.", "hidden", "hidden"),
)
TABLE.add(
    "pooler.dense pooler",
    pooled("The pooler: takes the first position's hidden state, through this and tanh.", "hidden", "hidden"),
)

# A norm is one by its name, wherever it stands, or by its class, whatever its length.
NORM = Role(
    "norm", "Normalises each vector, then scales its elements by learned weights.", ("hidden | embedding",)
)
_ANY_LENGTH = ("{} elements",)
ANY_NORM = NORM._replace(axes=_ANY_LENGTH)
RMS_NORM = Role(
    "norm",
    "RMSNorm: divides each vector by its root mean square, then scales its elements by learned weights.",
    _ANY_LENGTH,
)
LAYER_NORM = Role(
    "norm",
    "LayerNorm: brings each vector to mean 0 and variance 1, then scales its elements by learned weights.",
    _ANY_LENGTH,
)

TABLE.add(
    "text_projection visual_projection",
    pooled("Brings the pooled state to the space that texts and images share.", "projection", "hidden"),
)
TABLE.add(
    "multi_modal_projector.linear_1",
    linear("Brings the image's features to the language model's size.", "text_hidden", "vision_hidden"),
)
TABLE.add(
    "multi_modal_projector.linear_2",
    linear("Second layer of the projector from images to text.", "text_hidden", "text_hidden"),
)
TABLE.add(
    "multi_modal_projector.linear multi_modal_projector",
    linear(
        "Brings the image's features to the language model's size.",
        "text_hidden | projection",
        "vision_hidden",
    ),
)
TABLE.add(
    "multi_modal_projector.mm_input_projection_weight",
    Role(
        "values",
        "Brings the image's features to the language model's size.",
        ("vision_hidden", "text_hidden"),
    ),
)
TABLE.add(
    "modality_projection.proj",
    linear(
        "Brings the features of neighbouring patches to the language model's size.",
        "text_hidden",
        "vision_hidden*scale*scale",
    ),
)
TABLE.add(
    "embed_vision.embedding_projection",
    linear("Brings the image's features to the language model's size.", "text_hidden", "vision_hidden"),
)
TABLE.add(
    "merger.mlp", linear("Mixes the patches that are merged into one.", "merged_hidden", "merged_hidden")
)
TABLE.add(
    "merger.mlp merger.linear_fc2 deepstack_merger_list.linear_fc2",
    linear(
        "Brings merged patches to the language model's size.",
        "vision_out | text_hidden | hidden",
        "merged_hidden",
    ),
)
TABLE.add(
    "merger.linear_fc1 deepstack_merger_list.linear_fc1",
    linear("Mixes the patches that are merged into one.", "merged_hidden", "merged_hidden"),
)
