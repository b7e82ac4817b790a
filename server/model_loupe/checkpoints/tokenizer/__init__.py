"""A tokenizer's files, as bytes, to its vocabulary and settings: tokenizer.json, SentencePiece, vocab files.

Nothing is built and no template is run. Vocabularies of hundreds of thousands of tokens are read one entry at
a time, so that other threads go on meanwhile.
"""
