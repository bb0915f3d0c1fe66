"""So2Sat LCZ42: labelled patches of Sentinel-1 and Sentinel-2 in HDF5, inspected, and converted once into arrays.

Zhu et al. (2020), "So2Sat LCZ42", IEEE Geoscience and Remote Sensing Magazine 8(3), doi:10.1109/MGRS.2020.2964708;
https://github.com/zhu-xlab/So2Sat-LCZ42. What belongs here: the files of the data set, up to batches of patches. It is
tested on generated files of their layout; the published ones have not been read with it.
"""
