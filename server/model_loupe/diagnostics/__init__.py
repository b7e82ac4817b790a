"""What is wrong with code that loads models: facts in, findings out, each with a code that is documented.

The table of codes is ``rules``; a module a subject finds what they name. Nothing here guesses, waits, asks a
network or knows LSP: what is not known gives no finding.
"""
