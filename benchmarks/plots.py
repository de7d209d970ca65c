"""The pictures that `--plot` draws: labels beside what they name, and readable at 700 pixels."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from .report import Result, Row

_TITLES: Final = {
    "pmk": "passphrase to PMK",
    "akm2-search": "WPA2-PSK (AKM 2)",
    "akm2-tkip-search": "WPA2-PSK with TKIP",
    "akm6-search": "PSK-SHA256 (AKM 6)",
    "ft-search": "FT-PSK (AKM 4)",
}
_OURS, _OURS_ALL, _THEIRS = "#0b5fa5", "#63a4d8", "#8a8a8a"
_DPI: Final = 144
_SMALL, _FONT = 9.5, 11  # points, of a figure of 8 inches


def plot(results: Sequence[Result], path: Path, *, title: str) -> None:
    """Draw time over number of keys, a panel for each case; rates as bars where there is one size only."""
    cases = list(dict.fromkeys(result.case for result in results))
    if len({result.size for result in results}) == 1:
        _plot_rates(results, cases, path, title)
        return
    columns = min(2, len(cases))
    rows = math.ceil(len(cases) / columns)
    figure, panels = _figure(rows, columns, height=1.2 + 3.2 * rows)
    figure.suptitle(title, fontsize=_FONT + 2)
    for axes, case in zip(panels, cases, strict=False):
        _draw_case(axes, [result for result in results if result.case == case], _TITLES.get(case, case))
    for axes in panels[len(cases) :]:
        axes.set_visible(False)
    _share_scale(panels[: len(cases)])
    figure.savefig(path, dpi=_DPI)


def _draw_case(axes: Any, results: Sequence[Result], title: str) -> None:
    """Draw ours on one core and on all, and the plain loop that does the same."""
    threads = sorted({result.threads for result in results})
    single = [result for result in results if result.threads == threads[0]]
    sizes = [result.size for result in single]
    loop = [1e3 * result.size / result.baseline_per_second for result in single]
    second = min(1, len(sizes) - 1)
    axes.plot(sizes, loop, color=_THEIRS, linestyle=(0, (2, 1.5)), linewidth=1.8)
    _label(axes, sizes[0], 3.4 * loop[second], f"loop over\n{single[-1].baseline}", _THEIRS)
    for count, colour in zip(threads, (_OURS, _OURS_ALL), strict=False):
        mine = [1e3 * result.size / result.per_second for result in results if result.threads == count]
        axes.plot(sizes, mine, color=colour, marker="o", markersize=4.5, linewidth=2)
        if count == threads[0]:
            _label(axes, sizes[0], 1.6 * mine[second], "Latchkey, 1 core", colour)
        else:
            _label(axes, 1.2 * sizes[second], mine[second] / 1.5, f"{count} cores", colour, above=False)
    ours = 1e3 * single[-1].size / single[-1].per_second
    axes.annotate("", (sizes[-1], ours * 1.25), (sizes[-1], loop[-1] / 1.12), arrowprops={"arrowstyle": "->"})
    times = f"{single[-1].ratio:.0f} times "
    axes.annotate(times, (sizes[-1], 3 * ours), ha="right", va="center", fontsize=_FONT, weight="bold")
    axes.set_title(title, fontsize=_FONT)


def _label(axes: Any, x: float, y: float, text: str, colour: str, *, above: bool = True) -> None:
    """Write a line's name beside it, on one side."""
    where = {"va": "bottom" if above else "top", "ha": "left"}
    axes.annotate(text, (x, y), color=colour, fontsize=_SMALL, linespacing=1.0, **where)


def _share_scale(panels: Sequence[Any]) -> None:
    """Give all the same axes, in words that a person says: keys with separators, microseconds to seconds."""
    from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator

    bottom = min(line.get_ydata().min() for axes in panels for line in axes.lines) / 3
    top = max(line.get_ydata().max() for axes in panels for line in axes.lines) * 6
    for axes in panels:
        axes.set(xscale="log", yscale="log", ylim=(bottom, top))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda keys, _: f"{keys:,.0f}" if keys >= 1 else ""))
        axes.yaxis.set_major_formatter(FuncFormatter(_duration))
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_minor_locator(NullLocator())
            axis.set_minor_formatter(NullFormatter())
        axes.set_xlabel("keys in the pool", fontsize=_SMALL)
        axes.margins(x=0.1)
        _plain(axes)


def _duration(ms: float, _: object) -> str:
    if ms < 1:
        return f"{ms * 1e3:,.0f} µs"
    return f"{ms:,.0f} ms" if ms < 1e3 else f"{ms / 1e3:,.0f} s"


def _plot_rates(results: Sequence[Result], cases: Sequence[str], path: Path, title: str) -> None:
    """Draw a bar for each number of threads and one for the baseline, with its rate at its end."""
    names, rates, colours = [], [], []
    for case in cases:
        mine = sorted((result for result in results if result.case == case), key=lambda result: result.threads)
        for result in mine:
            cores = "1 core" if result.threads == 1 else f"{result.threads} cores"
            names.append(f"{_TITLES.get(case, case)}\nLatchkey, {cores}")
            rates.append(result.per_second)
            colours.append(_OURS if result.threads == 1 else _OURS_ALL)
        names.append(mine[0].baseline)
        rates.append(mine[0].baseline_per_second)
        colours.append(_THEIRS)
    figure, (axes,) = _figure(1, 1, height=1.2 + 0.6 * len(names))
    bars = axes.barh(range(len(names)), rates, color=colours)
    axes.bar_label(bars, [f" {rate:,.0f} a second" for rate in rates], fontsize=_SMALL)
    axes.set_title(title, fontsize=_FONT + 2)
    _finish_bars(axes, names)
    figure.savefig(path, dpi=_DPI)


def plot_server(rows: Sequence[Row], path: Path) -> None:
    """Draw median and 99th percentile of each case, each with its number."""
    figure, (axes,) = _figure(1, 1, height=1.4 + 0.6 * len(rows))
    places = range(len(rows))
    bars = axes.barh(places, [row.p99_ms for row in rows], color="#c9ddef")
    axes.barh(places, [row.median_ms for row in rows], color=_OURS)
    axes.bar_label(bars, [f" median {row.median_ms:.2f}, p99 {row.p99_ms:.2f} ms" for row in rows], fontsize=_SMALL)
    axes.set_title("Request to reply on loopback", fontsize=_FONT + 2)
    _finish_bars(axes, [f"{row.case}\n{row.rate:,.0f} a second" for row in rows])
    figure.savefig(path, dpi=_DPI)


def _finish_bars(axes: Any, names: Sequence[str]) -> None:
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.margins(x=0.45)
    axes.xaxis.set_visible(False)
    _plain(axes)
    axes.grid(visible=False)
    axes.spines["bottom"].set_visible(False)


def _plain(axes: Any) -> None:
    axes.tick_params(labelsize=_SMALL)
    axes.grid(visible=True, axis="y", alpha=0.25)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _figure(rows: int, columns: int, *, height: float) -> tuple[Any, list[Any]]:
    from matplotlib.figure import Figure  # drawn without a screen and without pyplot's global state

    figure = Figure(figsize=(8, height), layout="constrained")
    axes = figure.subplots(rows, columns, sharey=rows * columns > 1, squeeze=False)
    return figure, list(axes.flat)
