"""Bytes to tensors: safetensors headers, sharded indexes and which files of a folder are the weights.

Readers here take bytes and file listings, never paths or URLs, and never read a tensor's data. They do
not raise for a bad file: they return what can be told together with named warnings.
"""
