"""huggingface_hub's own look at a model of the Hub, with nothing in its cache: ``python … ID``."""

from __future__ import annotations

import os
import sys
import tempfile

with tempfile.TemporaryDirectory() as home:
    os.environ["HF_HOME"] = home
    from huggingface_hub import get_safetensors_metadata

    print(get_safetensors_metadata(sys.argv[1]).parameter_count)
