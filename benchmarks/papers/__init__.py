"""What the papers say, held against runs: their claims, their open points, their confounds."""
