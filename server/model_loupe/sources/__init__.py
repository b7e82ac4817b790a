"""Where a model's files are: a folder, a single file, the Hugging Face cache.

Each source lists files, reads a file and reads a range of one; none of them knows what is in the files.
Beside them the store: what one process worked out, kept on disk for the next.
"""
