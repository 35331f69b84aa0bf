"""A Chunk becomes messages, messages become an answer that was checked."""
