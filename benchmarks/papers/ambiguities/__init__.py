"""What the papers contradict or leave open, and which ambiguity a run takes."""
