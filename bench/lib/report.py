# SPDX-License-Identifier: Apache-2.0
"""Samples in, tables and charts out."""
import csv
import math
import os
import shutil
import statistics

from .candidates import NATIVE, OVERLAY
from .tools import run

# Ratios outside this range are drawn at its edge.
CHART_RANGE = (0.1, 30)


class Results:
    """Seconds by workload, candidate and round; and what failed."""

    def __init__(self, candidates):
        self.candidates = candidates        # names, in the order of columns
        self.workloads = []
        self.seconds = {}                   # (workload, candidate): {round: s}
        self.failures = {}                  # (workload, candidate): why

    def add(self, workload, candidate, round_, seconds):
        if workload not in self.workloads:
            self.workloads.append(workload)
        self.seconds.setdefault((workload, candidate), {})[round_] = seconds

    def fail(self, workload, candidate, why):
        if workload not in self.workloads:
            self.workloads.append(workload)
        self.failures.setdefault((workload, candidate), why)

    def median(self, workload, candidate):
        rounds = self.seconds.get((workload, candidate))
        return statistics.median(rounds.values()) if rounds else None

    def ratios(self, workload, candidate, base=OVERLAY):
        """Candidate to base, within each round that has both; sorted."""
        ours = self.seconds.get((workload, candidate), {})
        theirs = self.seconds.get((workload, base), {})
        return sorted(ours[r] / theirs[r] for r in ours if theirs.get(r))

    def ratio(self, workload, candidate, base=OVERLAY):
        ratios = self.ratios(workload, candidate, base)
        return statistics.median(ratios) if ratios else None

    def geometric_mean(self, candidate, base=OVERLAY):
        """Over the workloads that both did; returns (mean, how many)."""
        ratios = [self.ratio(w, candidate, base) for w in self.workloads
                  if (w, candidate) not in self.failures
                  and (w, base) not in self.failures]
        logs = [math.log(r) for r in ratios if r]
        if not logs:
            return None, 0
        return math.exp(statistics.fmean(logs)), len(logs)


def _milliseconds(seconds):
    return f"{seconds * 1e3:.{0 if seconds >= 1 else 1 if seconds >= .1 else 2}f}"


def _cell(results, workload, candidate):
    if (workload, candidate) in results.failures:
        return "failed"
    seconds = results.median(workload, candidate)
    if seconds is None:
        return "-"
    ratios = results.ratios(workload, candidate)
    if candidate == OVERLAY or not ratios:
        values = results.seconds[(workload, candidate)].values()
        spread = (max(values) - min(values)) / seconds / 2 * 100
        return f"{_milliseconds(seconds)} ±{spread:.0f}%"
    return (f"{_milliseconds(seconds)} {statistics.median(ratios):.2f}x "
            f"[{ratios[0]:.2f} {ratios[-1]:.2f}]")


def table(rows, left=(0,)):
    """Columns as wide as their widest cell; those numbered in `left` to the left."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [cell.ljust(widths[i]) if i in left else cell.rjust(widths[i])
                 for i, cell in enumerate(row)]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _mean_row(results, title, base):
    row = [title]
    for candidate in results.candidates:
        mean, count = results.geometric_mean(candidate, base)
        row.append(f"{mean:.2f}x of {count}" if mean else "-")
    return row


def text(results, what):
    """The table of one kind of figure; `what`: its name."""
    order = [OVERLAY] + [c for c in results.candidates if c != OVERLAY]
    results.candidates = order
    rows = [["workload"] + order]
    for workload in results.workloads:
        rows.append([workload] + [_cell(results, workload, c) for c in order])
    rows.append(_mean_row(results, "geometric mean", OVERLAY))
    for base in order:
        if base not in (OVERLAY, NATIVE) and not base.startswith("nacre"):
            rows.append(_mean_row(results, f"  to {base}", base))
    lines = [f"{what}: median ms; ratio to kernel overlay of the same round: "
             "median [least greatest].", "", table(rows)]
    for (workload, candidate), why in sorted(results.failures.items()):
        lines.append(f"failed: {workload} on {candidate}: {why}")
    return "\n".join(lines)


def write_csv(results, cpu, directory):
    with open(os.path.join(directory, "samples.csv"), "w", newline="",
              encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(["workload", "candidate", "round", "seconds", "cpu_seconds"])
        for (workload, candidate), rounds in results.seconds.items():
            used = cpu.seconds.get((workload, candidate), {})
            for round_, seconds in sorted(rounds.items()):
                out.writerow([workload, candidate, round_, f"{seconds:.9f}",
                              f"{used[round_]:.6f}" if round_ in used else ""])

    with open(os.path.join(directory, "summary.csv"), "w", newline="",
              encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(["workload", "candidate", "median_s", "ratio_to_overlay",
                      "least_ratio", "greatest_ratio", "failure"])
        for workload in results.workloads:
            for candidate in results.candidates:
                out.writerow(_summary_row(results, workload, candidate))


def _summary_row(results, workload, candidate):
    seconds = results.median(workload, candidate)
    ratios = results.ratios(workload, candidate)
    return [workload, candidate, "" if seconds is None else f"{seconds:.9f}",
            *([f"{statistics.median(ratios):.4f}", f"{ratios[0]:.4f}",
               f"{ratios[-1]:.4f}"] if ratios else ["", "", ""]),
            results.failures.get((workload, candidate), "")]


def write_chart(results, directory):
    """Draws ratios.png; returns why not, or None."""
    if not shutil.which("gnuplot"):
        return "no chart: gnuplot is not installed"
    shown = [c for c in results.candidates if c != OVERLAY]
    data = os.path.join(directory, "chart.dat")
    with open(data, "w", encoding="utf-8") as file:
        for workload in results.workloads:
            cells = [_clamped(results.ratio(workload, c)) for c in shown]
            file.write(f'"{workload}" ' + " ".join(cells) + "\n")
        means = [_clamped(results.geometric_mean(c)[0]) for c in shown]
        file.write('"GEOMETRIC MEAN" ' + " ".join(means) + "\n")

    plots = ", ".join(
        f'"{data}" using {i + 2}:xtic(1) title "{name}" noenhanced'
        for i, name in enumerate(shown))
    script = f"""
set terminal pngcairo size {max(900, 45 * (len(results.workloads) + 4))},800
set output "{os.path.join(directory, 'ratios.png')}"
set title "Time as a multiple of kernel overlay (less is better)"
set style data histograms
set style histogram clustered gap 1
set style fill solid border -1
set logscale y
set yrange [{CHART_RANGE[0]}:{CHART_RANGE[1]}]
set ytics (0.1, 0.2, 0.5, 1, 2, 3, 5, 10, 20, 30)
set grid ytics
set key top left
set xtics rotate by -50 noenhanced
set arrow from graph 0, first 1 to graph 1, first 1 nohead lw 2
set datafile missing "?"
plot {plots}
"""
    run(["gnuplot", "-e", script.strip().replace("\n", "; ")])
    os.unlink(data)
    return None


def _clamped(ratio):
    if not ratio:
        return "?"
    return f"{min(max(ratio, CHART_RANGE[0]), CHART_RANGE[1]):.4f}"
