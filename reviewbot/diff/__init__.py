"""A diff as text becomes FileDiffs, and those become Chunks that a model can be shown."""
