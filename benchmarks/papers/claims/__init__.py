"""The papers' claims in words, and the rule by which runs decide them."""
