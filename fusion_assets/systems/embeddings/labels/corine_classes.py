"""The 44 classes of CORINE land cover, their three levels and official colours. Only tables.

Source: https://land.copernicus.eu/content/corine-land-cover-nomenclature-guidelines/html/
"""

from __future__ import annotations

from fusion_assets.systems.embeddings.labels.shares import Class

LEVEL_1 = {
    1: "Artificial surfaces",
    2: "Agricultural areas",
    3: "Forest and semi-natural areas",
    4: "Wetlands",
    5: "Water bodies",
}
LEVEL_2 = {
    11: "Urban fabric",
    12: "Industrial, commercial and transport units",
    13: "Mine, dump and construction sites",
    14: "Artificial, non-agricultural vegetated areas",
    21: "Arable land",
    22: "Permanent crops",
    23: "Pastures",
    24: "Heterogeneous agricultural areas",
    31: "Forests",
    32: "Scrub and/or herbaceous vegetation associations",
    33: "Open spaces with little or no vegetation",
    41: "Inland wetlands",
    42: "Maritime wetlands",
    51: "Inland waters",
    52: "Marine waters",
}
LEVEL_3 = {
    111: Class("Continuous urban fabric", "#e6004d"),
    112: Class("Discontinuous urban fabric", "#ff0000"),
    121: Class("Industrial or commercial units", "#cc4df2"),
    122: Class("Road and rail networks and associated land", "#cc0000"),
    123: Class("Port areas", "#e6cccc"),
    124: Class("Airports", "#e6cce6"),
    131: Class("Mineral extraction sites", "#a600cc"),
    132: Class("Dump sites", "#a64d00"),
    133: Class("Construction sites", "#ff4dff"),
    141: Class("Green urban areas", "#ffa6ff"),
    142: Class("Sport and leisure facilities", "#ffe6ff"),
    211: Class("Non-irrigated arable land", "#ffffa8"),
    212: Class("Permanently irrigated land", "#ffff00"),
    213: Class("Rice fields", "#e6e600"),
    221: Class("Vineyards", "#e68000"),
    222: Class("Fruit trees and berry plantations", "#f2a64d"),
    223: Class("Olive groves", "#e6a600"),
    231: Class("Pastures", "#e6e64d"),
    241: Class("Annual crops associated with permanent crops", "#ffe6a6"),
    242: Class("Complex cultivation patterns", "#ffe64d"),
    243: Class("Land principally occupied by agriculture, with significant areas of natural vegetation", "#e6cc4d"),
    244: Class("Agro-forestry areas", "#f2cca6"),
    311: Class("Broad-leaved forest", "#80ff00"),
    312: Class("Coniferous forest", "#00a600"),
    313: Class("Mixed forest", "#4dff00"),
    321: Class("Natural grasslands", "#ccf24d"),
    322: Class("Moors and heathland", "#a6ff80"),
    323: Class("Sclerophyllous vegetation", "#a6e64d"),
    324: Class("Transitional woodland-shrub", "#a6f200"),
    331: Class("Beaches, dunes, sands", "#e6e6e6"),
    332: Class("Bare rocks", "#cccccc"),
    333: Class("Sparsely vegetated areas", "#ccffcc"),
    334: Class("Burnt areas", "#000000"),
    335: Class("Glaciers and perpetual snow", "#a6e6cc"),
    411: Class("Inland marshes", "#a6a6ff"),
    412: Class("Peat bogs", "#4d4dff"),
    421: Class("Salt marshes", "#ccccff"),
    422: Class("Salines", "#e6e6ff"),
    423: Class("Intertidal flats", "#a6a6e6"),
    511: Class("Water courses", "#00ccf2"),
    512: Class("Water bodies", "#80f2e6"),
    521: Class("Coastal lagoons", "#00ffa6"),
    522: Class("Estuaries", "#a6ffe6"),
    523: Class("Sea and ocean", "#e6f2ff"),
}
"""In the order of the grid codes 1 to 44 that the EEA's raster stores."""
