"""What is run: tables, workloads, executors, the runner and the command line."""
