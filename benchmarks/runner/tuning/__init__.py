"""Tuning: which learning rates and weight decays are tried for a row of a table, by which runs, and which is best."""
