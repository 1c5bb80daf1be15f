"""Data: what a data set is (`cards`), its images and labels (`sets`) and a run's batches (`batches`).

`cards` needs no torch, so that commands which only name data sets start at once; `sets` and `batches` do.
"""
