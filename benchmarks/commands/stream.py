"""What a command says where nobody can read it: lost, and the command goes on."""

from __future__ import annotations

from typing import Any, TextIO


class Patient:
    """A text stream whose writing never raises. error: what it met first; what is written afterwards is lost.

    A character that the stream's encoding lacks is written as "?".
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream, self.error = stream, None if stream is not None else OSError("it is closed")

    def write(self, text: str) -> int:
        """-> the characters given."""
        if self._stream is not None and self.error is None:
            try:
                self._write(self._stream, text)
            except (OSError, ValueError) as error:
                self.error = error if isinstance(error, OSError) else OSError(str(error))
        return len(text)

    def flush(self) -> None:
        """As far as that is possible."""
        if self._stream is not None and self.error is None:
            try:
                self._stream.flush()
            except (OSError, ValueError) as error:
                self.error = error if isinstance(error, OSError) else OSError(str(error))

    def isatty(self) -> bool:
        """Whether a person reads it."""
        return self._stream is not None and self.error is None and self._stream.isatty()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _write(self, stream: TextIO, text: str) -> None:
        try:
            stream.write(text)
        except UnicodeEncodeError:
            stream.write(text.encode(stream.encoding, "replace").decode(stream.encoding))
