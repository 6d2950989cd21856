"""Prints every trial of the given study files: number, architecture and scores, one a line."""
import sqlite3
import sys

for path in sys.argv[1:]:
    study = sqlite3.connect(path)
    try:
        rows = study.execute(
            "SELECT t.number, a.key, (SELECT group_concat(m.name || '=' || v.value, ' ') FROM value v "
            "JOIN metric m ON m.id = v.metric WHERE v.trial = t.number ORDER BY m.name) "
            "FROM trial t JOIN architecture a ON a.id = t.architecture"
        ).fetchall()
    except sqlite3.OperationalError:  # killed before its tables were there
        rows = []
    for number, architecture, values in rows:
        print(number, architecture, " ".join(sorted((values or "").split())), sep="\t")
