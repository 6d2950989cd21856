#!/usr/bin/env python3
"""Tests of experiments/rank_statistics.py."""
import pathlib
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent / "experiments"))
import rank_statistics as ranks  # noqa: E402


class RankStatistics(unittest.TestCase):
    def test_kendall_without_ties(self):
        x = list(range(1, 11))
        y = [2, 1, 4, 3, 6, 5, 8, 7, 10, 9]  # five discordant pairs of 45
        self.assertAlmostEqual(ranks.kendall(x, y), (40 - 5) / 45)
        self.assertAlmostEqual(ranks.kendall(x, [-v for v in y]), -(40 - 5) / 45)

    def test_ties_count_as_tau_b(self):
        # Pairs: (1,1)-(1,2) tied in x, (1,1)-(2,3), (1,2)-(2,3) concordant: 2 / sqrt(2 * 3).
        self.assertAlmostEqual(ranks.kendall([1, 1, 2], [1, 2, 3]), 2 / 6 ** 0.5)
        self.assertIsNone(ranks.kendall([1, 1], [1, 2]))

    def test_near_pairs(self):
        self.assertEqual(ranks.near_pairs([90, 110, 111, 200]), [(0, 1), (1, 2)])

    def test_tau_over_near_pairs_ignores_size(self):
        sizes, score = [100, 101, 200, 201], [2, 1, 4, 3]  # size decides between groups, is wrong within
        self.assertGreater(ranks.kendall(sizes, score), 0)
        self.assertEqual(ranks.kendall(sizes, score, ranks.near_pairs(sizes)), -1)

    def test_bootstrap(self):
        x = list(range(40))
        low, high = ranks.bootstrap(x, x, ranks.all_pairs(40), resamples=100)
        self.assertEqual((low, high), (1, 1))
        y = [v + (13 * v) % 17 for v in x]
        tau, (low, high) = ranks.kendall(x, y), ranks.bootstrap(x, y, ranks.all_pairs(40), resamples=300)
        self.assertLess(low, tau)
        self.assertLess(tau, high)
        self.assertEqual(ranks.bootstrap(x, y, ranks.all_pairs(40), resamples=300), (low, high))

    def test_split_half(self):
        pairs = ranks.all_pairs(3)
        exact = [[1] * 20, [2] * 20, [3] * 20]
        self.assertEqual(ranks.split_half(exact, [[4] * 20] * 3, pairs), 1)
        noisy = [[(7 * s + 11 * c * c) % 5 for c in range(20)] for s in range(3)]
        self.assertLess(ranks.split_half(noisy, [[4] * 20] * 3, pairs), 0.9)

    def test_spread_over_sizes(self):
        items = [(1000 + 10 * i, f"a{i}") for i in range(20)] + [(9000 + 10 * i, f"b{i}") for i in range(20)]
        chosen = ranks.spread_over_sizes(items, 10)
        self.assertEqual(len(chosen), 10)
        self.assertEqual(sum(name.startswith("a") for _, name in chosen), 5)
        self.assertEqual(len(ranks.near_pairs([size for size, _ in chosen])), 20)
        self.assertEqual(len(ranks.spread_over_sizes(items[:3], 10)), 3)


if __name__ == "__main__":
    unittest.main()
