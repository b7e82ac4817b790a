"""The language server as an editor meets it: a real process, spoken to over stdio."""
