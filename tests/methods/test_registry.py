"""Names, options and plug-ins: what is refused, and the messages."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import methods
from methods import Method, MethodError, register, registry
from methods.registry import snake_case
from tests.endless import Make, endless

pytestmark = pytest.mark.usefixtures("registries")


@pytest.fixture
def plugin(tmp_path: Path) -> Callable[..., Path]:
    def write(text: str, name: str = "own.py") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_a_class_is_named_in_snake_case_unless_it_names_itself() -> None:
    assert [snake_case(name) for name in ("AsyncLU", "DDP", "LocalSGD", "MbSgd")] == [
        "async_lu",
        "ddp",
        "local_sgd",
        "mb_sgd",
    ]

    @register(title="One", source="made up")
    class OneOfATest(Method):
        pass

    @register(title="Two", source="made up", name="second_of_a_test")
    class TwoOfATest(Method):
        pass

    assert (OneOfATest.name, TwoOfATest.name) == ("one_of_atest", "second_of_a_test")
    assert methods.method_class("one_of_atest") is OneOfATest
    assert methods.method_class("second_of_a_test").title == "Two"


def test_a_name_is_given_once() -> None:
    with pytest.raises(MethodError, match=r"'bp': .*bp\.py and .*test_registry\.py"):
        register(title="Mine", source="made up", name="bp")(type("Mine", (Method,), {"__module__": __name__}))


def test_a_name_is_an_identifier() -> None:
    with pytest.raises(MethodError, match="my-method"):
        register(title="Mine", source="made up", name="my-method")(type("Mine", (Method,), {"__module__": __name__}))


@pytest.mark.parametrize(("title", "source"), [("Mine\x1b[31m", "me"), ("Mine", "a\nb"), (5, "me")])
def test_what_people_read_of_a_method_is_one_line_without_control_characters(title: Any, source: str) -> None:
    with pytest.raises(MethodError):
        register(title=title, source=source)(type("Coloured", (Method,), {"__module__": __name__}))
    assert "coloured" not in methods.names()


@pytest.mark.parametrize(
    ("given", "offer"),
    [
        ("async_l", "did you mean async_lu or"),
        ("zzz", "there are "),
    ],
)
def test_unknown_methods_offer_the_nearest(given: str, offer: str) -> None:
    with pytest.raises(MethodError, match=f"'{given}': {offer}"):
        methods.create(given)


@pytest.mark.parametrize(
    ("method", "settings", "complaint"),
    [
        ("async_lu", {"backward_worker": 3}, "did you mean backward_workers"),
        ("async_lu", {"backward_workers": 0}, "async_lu.backward_workers=0"),
        ("async_lu", {"backward_workers": "two"}, "async_lu.backward_workers='two'"),
        ("lapsgd", {"switch": 1.5}, "lapsgd.switch=1.5"),
        ("lapsgd", {"lock_free": "perhaps"}, "lapsgd.lock_free='perhaps'"),
        ("ddp", {"consensus": "median"}, "'mean' or 'first'"),
    ],
)
def test_bad_options_say_which_and_why(method: str, settings: dict[str, Any], complaint: str) -> None:
    with pytest.raises(MethodError, match=re.escape(complaint)):
        methods.create(method, settings)


def test_options_are_read_from_text() -> None:
    method = methods.create("lapsgd", {"updaters": "2", "switch": "0.25", "lock_free": "true", "weights": "current"})
    assert (
        method.options
        == methods.create("lapsgd", {"updaters": 2, "switch": 0.25, "lock_free": True, "weights": "current"}).options
    )


# ---- plug-ins


@endless
def test_a_plugin_without_an_end(make: Make, words: str, tmp_path: Path) -> None:
    make(tmp_path / "own.py")
    with pytest.raises(MethodError, match=rf"There is no plug-in file|{words}"):
        methods.load_plugin(tmp_path / "own.py")


def test_a_plugin_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(MethodError, match=r"own\.py"):
        methods.load_plugin(tmp_path / "own.py")
    with pytest.raises(MethodError, match="There is no plug-in file"):
        methods.load_plugin(tmp_path)


def test_a_plugin_with_another_ending_is_refused(tmp_path: Path) -> None:
    (tmp_path / "own.txt").write_text("x = 1")
    with pytest.raises(MethodError, match=r"own\.txt is no Python file"):
        methods.load_plugin(tmp_path / "own.txt")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("import nothing_of_that_name", "ModuleNotFoundError"),
        ("def broken(:", "SyntaxError"),
        ("raise RuntimeError('on purpose')", "on purpose"),
        ("x = 1", "registers no method"),
        ("from methods import Method, register\nregister(title='x', source='x', name='ddp')(Method)", "'ddp'"),
    ],
)
def test_a_broken_plugin_says_why(plugin: Callable[..., Path], text: str, complaint: str) -> None:
    with pytest.raises(MethodError, match=re.escape(complaint)):
        methods.load_plugin(plugin(text))


@pytest.mark.parametrize(
    ("line", "mended"),
    [
        ("Drop(step)", "yield Drop(...)"),
        ("effects.Drop(step)", "yield effects.Drop(...)"),
        ("forward(replica, step)", "yield from forward(...)"),
    ],
)
def test_an_effect_that_is_not_yielded_is_refused_with_its_line(
    plugin: Callable[..., Path], line: str, mended: str
) -> None:
    """Nothing would carry it out, and the run would end as if it had been."""
    text = "# A method\nfrom methods import Drop, Method, effects, forward, register\n\n"
    text += (
        f"@register(title='x', source='x')\nclass Own(Method):\n    def read(self, replica, step):\n        {line}\n"
    )
    with pytest.raises(MethodError, match="line 7") as refused:
        methods.load_plugin(plugin(text))
    assert mended in str(refused.value)
    assert "own" not in methods.names()
    word = mended.rpartition(" ")[0]
    assert methods.load_plugin(plugin(text.replace(line, f"{word} {line}"))) == ["own"]


def test_a_plugin_may_bring_several_methods(plugin: Callable[..., Path]) -> None:
    text = "from methods import Method, register\n"
    for name in ("first_of_a_test", "second_of_a_test"):
        text += f"@register(title='x', source='x', name='{name}')\nclass {name.title()}(Method):\n    pass\n"
    path = plugin(text)
    assert methods.load_plugin(path) == ["first_of_a_test", "second_of_a_test"]
    assert methods.method_class("first_of_a_test").file == str(path)


def test_an_installed_plugin_that_fails_names_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    class Point:
        name, value = "theirs", "their_package.method"

        def load(self) -> None:
            raise ImportError("no such module")

    monkeypatch.setattr(registry, "_complete", False)
    monkeypatch.setattr(registry, "entry_points", lambda group: [Point()])
    with pytest.raises(MethodError, match="their_package"):
        methods.names()


@pytest.mark.parametrize(("name", "value"), [("devices", "two"), ("replicas", 0), ("same_as", 5)])
def test_a_property_of_another_kind_is_told(name: str, value: object) -> None:
    body = {"__module__": __name__, "workers": lambda self, team: (), name: property(lambda self: value)}
    register(title="Odd", source="made up", name="odd")(type("Odd", (Method,), body))
    with pytest.raises(MethodError, match="'odd'"):
        methods.create("odd")
