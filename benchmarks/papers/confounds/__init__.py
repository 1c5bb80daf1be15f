"""In what rows of a table differ beside their methods: as run here, and as published."""
