"""Packages that tests need, looked for without an import: MLflow's takes every worker seconds, whatever its tests."""

from importlib.util import find_spec

import pytest

mlflow = pytest.mark.skipif(find_spec("mlflow") is None, reason="needs mlflow")
