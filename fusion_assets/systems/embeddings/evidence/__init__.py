"""What an embedding is worth: floors, probes, retrieval, few shots, and the table of all of them. Pure code."""
