"""Runs that answered a question once: not part of the package, kept so that their figures can be checked."""
