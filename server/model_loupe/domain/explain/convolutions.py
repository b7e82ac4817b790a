"""Roles of convolutions: what makes patches of images and frames of sound."""

from __future__ import annotations

from model_loupe.domain.explain.role import Role, Table, linear

TABLE = Table()

_PATCHES = Role(
    "convolution",
    "Cuts the image into patches and makes a vector of each.",
    ("hidden", "channels", "patch", "patch"),
    1,
)
_FILM = Role(
    "convolution",
    "Cuts the film into patches over some frames and makes a vector of each.",
    ("hidden", "channels", "temporal_patch", "patch", "patch"),
    1,
)
_FLAT = linear("Makes a vector of each patch's pixels.", "hidden", "channels*patch*patch")
TABLE.add(
    "patch_embeddings.projection patch_embedding patch_embed.proj patch_embed.projection patch_embeddings "
    "patch_conv patch_embedder.input_proj",
    _PATCHES,
    _FILM,
    _FLAT,
)
# Whisper's: the second has a stride of two, so the first runs twice for each frame that the layers see.
TABLE.add(
    "encoder.conv1",
    Role("convolution", "Mixes the mel bins of three frames.", ("hidden", "mels", "3"), 2),
)
TABLE.add(
    "encoder.conv2",
    Role("convolution", "Mixes three frames and keeps every second.", ("hidden", "hidden", "3"), 1),
)
TABLE.add("cls_token", Role("values", "The vector that stands for the whole image.", ("1", "1", "hidden")))
TABLE.add("class_embedding", Role("values", "The vector that stands for the whole image.", ("hidden",)))
TABLE.add(
    "class_embedding", Role("values", "The vector that stands for the whole image.", ("1", "1", "hidden"))
)
TABLE.add(
    "head.probe", Role("values", "The query that gathers the image from its patches.", ("1", "1", "hidden"))
)
TABLE.add(
    "distillation_token",
    Role("values", "The vector that learned from a teacher model.", ("1", "1", "hidden")),
)
TABLE.add(
    "mask_token",
    Role("values", "The vector of masked patches.", ("1", "1", "hidden")),
    Role("values", "The vector of masked patches.", ("1", "hidden")),
)
TABLE.add(
    "position_embeddings position_embedding",
    Role("values", "One learned vector for each patch.", ("1", "patches", "hidden")),
    Role(
        "values", "One learned vector for each patch and one for the class.", ("1", "patches + 1", "hidden")
    ),
    Role(
        "values",
        "One learned vector for each patch, the class and the teacher.",
        ("1", "patches + 2", "hidden"),
    ),
)
TABLE.add(
    "position_embedding_table",
    Role(
        "values", "One learned vector for each row and each column of patches.", ("2", "positions", "hidden")
    ),
)
TABLE.add(
    "layer_scale1 layer_scale2 lambda1 lambda_1 lambda_2 layer_scale_parameter",
    Role("values", "Scales what the layer adds, channel by channel.", ("hidden",)),
)
TABLE.add(
    "conv_layers.conv",
    Role("convolution", "Makes coarser frames of the sound wave.", ("conv_width", "1", "kernel")),
    Role("convolution", "Makes coarser frames of the frames before.", ("conv_width", "conv_width", "kernel")),
)
TABLE.add(
    "feature_projection.projection",
    linear("Brings the features of each frame to the hidden size.", "hidden", "conv_width"),
)
TABLE.add(
    "downsample.reduction",
    linear("Merges four neighbouring patches into one.", "hidden", "4*hidden"),
)
TABLE.add(
    "relative_position_bias_table",
    Role(
        "values", "What each head adds to its scores, by the distance of two patches.", ("distances", "heads")
    ),
)


def plain(directions: int) -> Role:
    """A convolution of torch's own class, in so many ``directions``: its sides have no other meaning."""
    axes = ("{} output channels", "{} input channels each", *["kernel {}"] * directions)
    return Role("convolution", "Convolution: slides learned kernels over its input.", axes)
