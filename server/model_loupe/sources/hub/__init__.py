"""Models on the Hugging Face Hub: a repository at a commit as files, of which only what is asked for comes.

``http`` speaks to hosts, ``hub`` to the Hub, ``errors`` words what fails, ``memory`` keeps what was answered,
``repository`` is what the rest of the program sees: ``Files`` like those of a folder.
"""
