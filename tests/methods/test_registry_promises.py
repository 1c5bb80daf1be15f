"""Promises of the registry and the options that tests of methods do not reach."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import methods
from methods import registry

IN_ORDER = (
    "bp async_lu async_bu pdasgd lapsgd lppsgd hogwild ddp mbsgd lsgd plsgd pipeline cocod adpsgd "
    "asgd ringmaster rennala diloco async_localsgd topk signsgd pipedream_2bw easgd sgp layup noloco"
).split()


def test_our_methods_come_in_their_order_whatever_was_imported_first() -> None:
    program = "import methods.lppsgd; print(*methods.registry.own())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert [name for name in done.stdout.split() if name in IN_ORDER] == IN_ORDER


@pytest.mark.parametrize("method", registry.own())
def test_every_option_says_what_it_is(method: str) -> None:
    options = methods.method_class(method).Options
    assert [key for key, field in options.__pydantic_fields__.items() if not field.description] == []


def test_a_plugin_that_fails_half_way_registers_nothing(tmp_path: Path) -> None:
    path = tmp_path / "own.py"
    path.write_text(
        "from methods import Method, register\n"
        "register(title='x', source='x', name='half_of_a_test')(type('Half', (Method,), {'__module__': __name__}))\n"
        "raise RuntimeError('on purpose')\n"
    )
    before = methods.names()
    with pytest.raises(methods.MethodError, match="on purpose"):
        methods.load_plugin(path)
    assert methods.names() == before
