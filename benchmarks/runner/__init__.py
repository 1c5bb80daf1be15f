"""Lists a table's runs and trains them: choices, plan, identity, training, processes, progress."""
