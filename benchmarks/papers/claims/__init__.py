"""Claims that the papers make in words, and the rule by which runs decide them."""
