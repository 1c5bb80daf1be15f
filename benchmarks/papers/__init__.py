"""What the papers say, held against runs: their claims, their ambiguities, their confounds."""
