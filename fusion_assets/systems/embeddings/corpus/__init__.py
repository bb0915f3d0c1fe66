"""The corpus: patches of both sensors read as their sources hold them, kept in shards, indexed, described and exported.

What belongs here: everything between a plan of places and arrays that can be learned from. What is planned, and what
is learned, does not.
"""
