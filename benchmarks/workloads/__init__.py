"""Workloads: data x network x optimizer x schedule, the one data and model layer."""
