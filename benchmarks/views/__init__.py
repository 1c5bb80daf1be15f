"""What the runs at hand say of a table: its sheet, its values, its notes, and the pages of the report."""
