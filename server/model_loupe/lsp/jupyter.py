"""How jupyter-lsp finds and starts the language server (entry point ``jupyter_lsp_spec_v1``).

jupyter-lsp imports this module while the Jupyter server starts, so it imports nothing of the rest.
"""

from __future__ import annotations

import sys
from typing import Any

# JupyterLab connects a document to one server alone: of those that know its language the one with the
# highest rank, between equals the one whose key sorts first. This key sorts after those of the general
# Python servers (pylsp, pyright, jedi-language-server, …), so that installing Model Loupe never takes
# completion or linting away. Where it is not the chosen one, our JupyterLab extension opens a second
# connection by this key (SERVER_KEY in client/jupyterlab/src/server.ts).
SERVER_KEY = "python-model-loupe"


def language_server_spec(manager: object) -> dict[str, dict[str, Any]]:
    """The servers that this package offers, keyed as jupyter-lsp wants them (spec version 2).

    ``manager`` is jupyter-lsp's ``LanguageServerManager``; nothing of it is needed.
    """
    # The interpreter that runs the Jupyter server has the package installed, whatever PATH says.
    serve = [sys.executable, "-m", "model_loupe", "serve"]
    return {
        SERVER_KEY: {
            "version": 2,
            "argv": serve,
            "languages": ["python"],
            "mime_types": ["text/python", "text/x-ipython"],
            "display_name": "Model Loupe",
            # The text of open documents is in memory: no copies under .virtual_documents/ are needed.
            "requires_documents_on_disk": False,
            "install": {"pip": "pip install 'model-loupe[jupyter]'"},
            "troubleshoot": "Run `python -m model_loupe serve` with the interpreter of the Jupyter server: "
            "it must wait for input without an error.",
        }
    }
