"""Keras for every system: which backend, saved models, prediction by block, patches and their files.

What is learnt, and from what, is known to the systems.
"""
