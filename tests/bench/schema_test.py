"""The one form of all benchmarks, which scripts of others read."""

import json
import pathlib
import tempfile
import unittest

from schema import Report

KEYS = ["name", "value", "unit", "peer", "peer_value", "ratio", "goal", "holds"]


class Schema(unittest.TestCase):
    def test_schema_of_rows_with_and_without_peers(self):
        report = Report("engine")
        report.beside("faster", 10.0, "us", "peer", 18.5, goal=1.8)
        report.beside("slower", 10.0, "us", "peer", 17.0, goal=1.8)
        report.beside("refused", 10.0, "us", "peer", None, goal=1.8)
        report.at_most("small enough", 90, "bytes", 90)
        report.at_least("too few", 9_999, "reports/s", 10_000)
        report.add("told", 3, "us")
        with tempfile.TemporaryDirectory() as folder:
            report.write(pathlib.Path(folder) / "file")
            found = json.loads((pathlib.Path(folder) / "file").read_text())
        self.assertEqual(list(found), ["bench", "commit", "machine", "rows"])
        for row in found["rows"]:
            self.assertEqual(list(row), KEYS)
        rows = {row["name"]: row for row in found["rows"]}
        self.assertEqual([rows[name]["holds"] for name in rows], [True, False, None, True, False, None])
        self.assertEqual(rows["faster"]["ratio"], 1.85)
        self.assertEqual((rows["small enough"]["peer"], rows["small enough"]["ratio"]), (None, None))


if __name__ == "__main__":
    unittest.main()
