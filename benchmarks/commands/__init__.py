"""The command line: one file a command, and what commands share. No command is imported but by `cli`."""
