"""Keras for every system: which backend, saved models, prediction by block.

What is learnt, and from what, is known to the systems.
"""
