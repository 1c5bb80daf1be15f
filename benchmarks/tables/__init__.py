"""The papers' tables and figures of training runs: a short file of literals each, validated on import."""
