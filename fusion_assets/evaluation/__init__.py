"""Whether figures can be trusted: spatial blocks, scores, bootstrap over whole groups, calibration, drift, areas.

Plain arrays and tables go in and out; what a figure is about is known to the systems alone.
"""
