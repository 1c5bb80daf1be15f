"""Plans a table's runs and trains them."""
