"""Folders to look for data in and to keep downloads in, and whether the server of a download answers."""

from __future__ import annotations

import http.client
import os
import urllib.error
import urllib.request
from pathlib import Path

VARIABLE = "BENCHMARKS_DATA"
_ANSWER_SECONDS = 5.0


def places(folder: Path | None) -> list[Path]:
    """Returns the folders to look in: `folder` alone where one is named, else $BENCHMARKS_DATA, then the cache."""
    named = os.environ.get(VARIABLE)
    usual = [*([Path(named)] if named else []), cache_folder()]
    return [place.expanduser() for place in ([folder] if folder else usual)]


def cache_folder() -> Path:
    """Returns the folder of downloads: `benchmarks` below $XDG_CACHE_HOME or ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "benchmarks"


def server_error(address: str) -> str:
    """Returns why the server of a URL does not answer within 5 s; "" if it does, whatever it answers."""
    try:
        request = urllib.request.Request(address, method="HEAD")
        urllib.request.urlopen(request, timeout=_ANSWER_SECONDS).close()
    except urllib.error.HTTPError:
        return ""
    except (OSError, ValueError, http.client.HTTPException) as error:
        return str(getattr(error, "reason", error))
    return ""
