"""Submissions: methods trained under a track's rules, bundled, checked without running their code, and ranked."""
