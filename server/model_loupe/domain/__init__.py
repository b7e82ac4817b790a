"""Pure values and arithmetic: dtypes, tensors, modules, parameter counts, memory, KV cache.

No I/O, no LSP, no torch; nothing here can fail for a reason outside its arguments.
"""
