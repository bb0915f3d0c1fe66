"""Everything stored: rasters, cubes, tables and documents under any fsspec root, whole or not at all."""
