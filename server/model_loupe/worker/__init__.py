"""The process that runs under the user's interpreter (torch, transformers, accelerate).

Nothing lives here yet; it is started as a script, so it will import nothing from the other rooms.
"""
