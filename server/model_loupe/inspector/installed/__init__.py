"""What the user's libraries say of themselves, read off their source: nothing of it is imported or run.

So the documentation, defaults and accepted values are those of the version that will run the code, and they
are there without a worker. ``Folders`` are the entries of that interpreter's path.
"""
