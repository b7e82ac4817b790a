"""The language server: a thin translation between LSP and the rest of the package.

What belongs here is whatever knows of the protocol or of open editors. No module outside this folder imports
it, and none of the package's other rooms sees an LSP type. The map:

- ``server``: ``serve()``, the life of the process; ``protocol``: what pygls is told otherwise;
- ``registration``: which function answers which method, each guarded; ``features/``: those functions, one
  module a method, named as LSP names it;
- ``session``: what the features ask: open documents as immutable snapshots, settings, the inspector, the
  workspace's files; ``client``: what the server says of its own accord;
- ``positions``, ``text``, ``notebook``, ``snapshot``, ``uris``, ``requests``, ``settings``,
  ``workspace_scan``: its parts.
"""
