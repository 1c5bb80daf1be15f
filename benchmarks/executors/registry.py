"""The executors by name."""

from __future__ import annotations

EXECUTORS = ("virtual", "threads")
