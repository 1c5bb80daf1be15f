"""Points that the papers contradict or leave open, and the interpretation that a run takes."""
