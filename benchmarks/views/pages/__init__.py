"""The pages of the report, made of tables and of what analyses found."""
