"""Four squares beside the demo region: days as Landsat sees them, nights as VIIRS does, and the truth of their lights.

What belongs here: where the squares lie, what stands in them, what shines, and the scenes that follow from it. The
rest of the archive does not know of them, and draws from other random streams.
"""
