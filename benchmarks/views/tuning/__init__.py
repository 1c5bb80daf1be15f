"""What the runs at hand say of a table whose rows are tuned: how far the search is, and the rows at their best."""
