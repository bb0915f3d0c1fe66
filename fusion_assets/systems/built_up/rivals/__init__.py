"""Other people's maps of built-up land beside ours: what each says, and which one a reference sample prefers."""
