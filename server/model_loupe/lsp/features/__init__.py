"""One module a method (or a family of notifications), named as LSP names it.

A feature takes the session and the method's parameters and answers in LSP's types: it finds the place, asks
the session, and translates. It knows no other feature. ``registration`` says which answers what.
"""
