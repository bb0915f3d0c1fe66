"""From scenes to one raster: what files mean, how they are read, masked and reduced over time.

Which scenes take part is decided before (`imagery/scenes.py`), who asks is decided above (`imagery/engines`).
"""
