"""The real server with a real worker: the interpreter in MODEL_LOUPE_TORCH_PYTHON has torch and transformers."""
