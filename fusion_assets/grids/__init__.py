"""Where pixels are: the grid every raster of a region shares, its CRS, the areas of its pixels.

No pixel is read here, and nothing is known of sensors.
"""
