"""Costs in simulated time: hardware cards, prices of effects, stragglers."""
