"""The trend as a picture: area by year with its interval, the mapped area beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fusion_assets.reports.figures import drawn, new_figure, png
from fusion_assets.reports.previews import data_uri
from fusion_assets.systems.built_up.areas.trend_words import headline

if TYPE_CHECKING:
    import pandas as pd


def draw_trend(table: pd.DataFrame, place: str) -> bytes:
    """PNG of a trend.

    Args:
        table: of `trend.built_up_trend`.
        place: what it is of.
    """
    figure = new_figure(5.6, 3.2, dpi=100)
    axis = figure.subplots()
    year, area = table["year"].to_numpy(), table["area_km2"].to_numpy()
    adjusted = not table["kind"].iloc[0].startswith("mapped")
    reach = [area - table["low"].to_numpy(), table["high"].to_numpy() - area]
    text = "area, 95 % interval" if adjusted else "mapped area, sensitivity to the threshold"
    axis.errorbar(year, area, yerr=reach, fmt="o", color="black", capsize=5, label=text)
    if adjusted:
        axis.plot(year, table["mapped_km2"], "x", color="tab:red", label="mapped, not adjusted")
    axis.set_xticks(year, [str(y) for y in year])
    # Markers at the edges stay whole, those of areas near 0 too.
    axis.margins(x=0.1, y=0.1)
    bottom, top = axis.get_ylim()
    bottom = min(0, bottom)
    axis.set_ylim(bottom, top + 0.05 * (top - bottom))
    axis.set_ylabel("built-up, km$^2$")
    axis.set_title(drawn(f"Built-up land, {place}", "Built-up land"), fontsize=10)
    axis.legend(fontsize=8, loc="lower left")
    return png(figure)


def trend_markdown(table: pd.DataFrame, document: dict[str, Any], place: str) -> str:
    """Statement and picture for the UI."""
    picture = data_uri(draw_trend(table, place))
    share = f"{table['share'].iloc[0]:.1%} of the region's area is valid in every year and is what is compared."
    return f"{headline(document['statement'])}\n\n![area by year]({picture})\n\n{share}"
