"""``model-loupe demo``: a JupyterLab with a sample notebook and a small Gemma made on the spot.

``checkpoint`` writes the model with the standard library alone, ``tokenizer`` its tokenizer, ``notebook``
the walk-through, ``jupyterlab`` starts and stops the real thing. Nothing here is needed by the server,
and no other room imports it but the command line.
"""

from __future__ import annotations

from model_loupe.demo.checkpoint import write_small_gemma
from model_loupe.demo.jupyterlab import run_demo
from model_loupe.demo.notebook import sample_notebook

__all__ = ["run_demo", "sample_notebook", "write_small_gemma"]
