"""Tables made of the runs at hand: values, notes, pictures, and the pages of the report."""
