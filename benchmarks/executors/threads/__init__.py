"""Real time: every worker a thread."""
