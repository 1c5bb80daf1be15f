"""The pages of the report, made of sheets and of what analyses found."""
