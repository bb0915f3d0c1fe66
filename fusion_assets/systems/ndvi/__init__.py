"""System 5: gap-free NDVI, from Sentinel-2 where the sky is clear and with Sentinel-1's help where it is not."""
