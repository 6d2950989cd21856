"""Prints every trial of the given study files: number, architecture and scores, one a line."""
import os
import sqlite3
import sys

QUERY = """
SELECT t.number, a.key, m.name, v.value FROM trial t JOIN architecture a ON a.id = t.architecture
LEFT JOIN value v ON v.trial = t.number LEFT JOIN metric m ON m.id = v.metric ORDER BY t.number, m.name
"""


def rows_of(path):
    try:  # beside a running search: leaves the file alone
        return sqlite3.connect(f"file:{path}?mode=ro", uri=True).execute(QUERY).fetchall()
    except sqlite3.OperationalError:  # what a killed one left is recovered first
        if not os.path.exists(path):  # moved meanwhile
            return []
        return sqlite3.connect(f"file:{path}?mode=rw", uri=True).execute(QUERY).fetchall()


for path in sys.argv[1:]:
    trials = {}
    for number, architecture, metric, value in rows_of(path):
        trials.setdefault((number, architecture), []).append(f"{metric}={value!r}")
    for (number, architecture), values in trials.items():
        print(number, architecture, *values, sep="\t")
