"""Pictures, each as PNG and SVG for the screen and as PDF for a paper: plain data and a path's stem go in.

Colour is never the only sign: dashes, markers or hatches go with it. `looks` decides how a method looks.
"""
