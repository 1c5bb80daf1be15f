"""Claims, ambiguities and confounds of the papers, judged by runs."""
