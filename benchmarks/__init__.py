"""The product itself: tables, workloads, executors, the runner and the command line."""
