"""The real server with a real worker; the interpreter MODEL_LOUPE_TORCH_PYTHON has torch and transformers."""
