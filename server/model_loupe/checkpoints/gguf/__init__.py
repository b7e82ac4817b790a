"""GGUF files: header, element types, which files belong together, and the metadata as a config."""
