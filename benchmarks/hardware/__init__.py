"""What simulated time costs: hardware cards, prices of effects, stragglers."""
