"""Model Loupe: what a Hugging Face model is, shown where its name is typed, without loading it.

The package's rooms, from the inside out (imports point only from a later room to an earlier one):
``domain`` < ``checkpoints`` < ``sources`` < ``inspector`` < ``lsp`` and ``cli``; ``documents`` knows
``domain`` alone, ``worker`` knows none of them.
"""

__version__ = "0.1.0"
