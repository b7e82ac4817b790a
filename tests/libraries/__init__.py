"""Checkpoints that the real libraries write, described by us and compared with what the libraries count."""
