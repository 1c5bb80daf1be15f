"""The papers' tables and figures of training runs: one short file of literals each, checked when it is read."""
