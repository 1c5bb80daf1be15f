"""Escapes any text for LaTeX: a sign that pdfLaTeX's fonts lack becomes mathematics, or the number of its character."""

from __future__ import annotations

import hashlib
import re

from reports.tables.texts import printable

_SIGNS = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\char34{}",
    "[": "{[}",
    "]": "{]}",
    "±": r"$\pm$",
    "×": r"$\times$",
    "÷": r"$\div$",
    "−": "$-$",
    "≤": r"$\le$",
    "≥": r"$\ge$",
    "≈": r"$\approx$",
    "≠": r"$\neq$",
    "→": r"$\to$",
    "←": r"$\leftarrow$",
    "∞": r"$\infty$",
    "√": r"$\surd$",
    "∑": r"$\sum$",
    "·": r"$\cdot$",
    "°": r"$^\circ$",
    "§": r"\S{}",
    "²": r"$^2$",
    "³": r"$^3$",
    "–": "--",
    "—": "---",
    "“": "``",
    "”": "''",
    "‘": "`",
    "’": "'",
    "…": r"\dots{}",
    "\N{NO-BREAK SPACE}": "~",
    "\N{GREEK SMALL LETTER OMICRON}": "o",
}
_LETTERS = "αβγδεζηθικλμνξπρστυφχψωΓΔΘΛΞΠΣΥΦΨΩ"
_NAMES = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi chi psi "
    "omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega"
)
_GREEK = {letter: f"$\\{name}$" for letter, name in zip(_LETTERS, _NAMES.split(), strict=True)}
_ALL = {**_SIGNS, **_GREEK, "µ": r"$\mu$"}
_LATIN = re.compile(r"[ -~À-ÏÑ-ÖØ-Ýß-ïñ-öø-ýÿ]")


def escape(text: object) -> str:
    """Returns LaTeX that shows the text literally, on one line."""
    line = printable(str(text))
    # Two of these would become one sign, such as a dash.
    parted = (_sign(a) + "{}" * (a == b and a in "-`'") for a, b in zip(line, f"{line[1:]} ", strict=False))
    return "".join(parted)


def _sign(letter: str) -> str:
    if letter in _ALL:
        return _ALL[letter]
    return letter if _LATIN.fullmatch(letter) else f"{{[}}U+{ord(letter):04X}{{]}}"


def label(text: str) -> str:
    """Returns a text as a label or a file name: small letters, digits, hyphens; a digest where letters are lost."""
    plain = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    return plain if plain == text else f"{plain}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"
