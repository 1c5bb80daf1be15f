"""What the papers contradict or leave open, and which reading a run takes."""
