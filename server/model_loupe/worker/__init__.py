"""The process that runs under the user's interpreter: what only torch and transformers can tell.

It is started as a script (``python …/worker MARK``), so it also runs where this package is not installed:
it imports the standard library and the user's torch, transformers and accelerate, and nothing of the other
rooms. It supports Python 3.9. It answers one request after the other, and may be killed at any moment.
"""
