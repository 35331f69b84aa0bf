"""Source at head becomes what stands around a change: definitions, calls, callers."""
