"""Faults, in numbers: kill -9 at random moments, full disks, damaged files; nothing may be lost.

    python -m benchmarks.faults --kills 160 --faults 120 --workflow-kills 40

A very small study is made once undisturbed, then again and again while something goes wrong. Each
time it must end with the same bytes as the undisturbed one, or in one message that names the file
and says what to do; and once that is done, with the same bytes. docs/reliability.md has the counts.

``commands``   the study as a row of commands in one process that starts at once
``kills``      kill -9 of that process, with or without those it started
``damage``     full disks, folders that cannot be written, truncated and missing files, clocks
``workflow``   the same study by Snakemake, killed with all that it started, or in a part
"""
