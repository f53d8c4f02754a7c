"""The revisions, one module each; a new one is named by its number and what it changes."""
