"""The benchmarks on the CPU: rooflines, races against other packages, growth, memory, kernels."""

import pathlib
from collections.abc import Sequence

from . import (
    activation_signatures,
    align,
    compare,
    jaccard,
    linear_sum_assignment,
    machine,
    memory,
    minhash,
    minhash_jaccard,
    plots,
    rooflines,
    scaling,
)
from .report import Results
from .settings import Settings
from .suite import Races, Run, Suite

RACES: Races[Settings] = {
    module.NAME: (module.run, module.targets)
    for module in (activation_signatures, jaccard, minhash, minhash_jaccard, linear_sum_assignment, compare, align)
}
KERNELS = "kernels"


def measure(run: Run, chosen: Sequence[str]) -> None:
    """All that was chosen."""
    results, options = run.results, run.options
    effort = Settings(options.scale, options.threads).effort
    results.limits, context = rooflines.measure_all(options.threads, effort)
    results.machine = machine.describe(options.threads, str(context.get("simd_level", "unknown")), run.dropped)
    settings = Settings(options.scale, options.threads, results.limits)
    run.race(RACES, chosen, settings)
    if scaling.NAME in chosen:
        for growth in scaling.run(settings):
            results.growths.append(growth)
            run.say(f"{growth.operator}: time ~ {growth.variable}^{growth.exponent:.2f}")
    results.targets += scaling.targets(results.growths)
    if memory.NAME in chosen:
        for peak in memory.run(settings):
            results.peaks.append(peak)
            run.say(f"memory, {peak.method}, {peak.how}, {peak.inputs} inputs: {peak.bytes >> 20} MiB")
    results.targets += memory.targets(results.peaks)
    if KERNELS in chosen and rooflines.executable().exists():
        results.kernels = rooflines.kernels(
            settings.pick(0.001, 0.02, 0.1), one_of_each=settings.pick(True, False, False)
        )


def draw(results: Results, folder: pathlib.Path) -> list[pathlib.Path]:
    """Those there are figures for."""
    drawn = []
    if results.rows:
        drawn.append(folder / "ratios.svg")
        plots.draw_ratios(results.rows, drawn[-1])
    if results.peaks:
        drawn.append(folder / "peak-memory.svg")
        plots.draw_peaks(results.peaks, drawn[-1])
    return drawn


SUITE = Suite(
    benchmarks=(*RACES, scaling.NAME, memory.NAME, KERNELS),
    page=machine.ROOT / "docs" / "performance.md",
    output="bench",
    problem=lambda: "",
    measure=measure,
    draw=draw,
)
