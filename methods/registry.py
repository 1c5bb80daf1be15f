"""The registry of methods: the suite's own, those of installed packages (entry points), and those of --plugin files."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import math
import pkgutil
import re
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import cache
from importlib.metadata import entry_points
from operator import attrgetter
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from pydantic import ValidationError

from methods.base import Method, flat, nested
from methods.effects import Effect
from methods.errors import MethodError, unknown, unknown_method
from methods.later import filled_in

ENTRY_POINTS = "async_sgd_benchmarks.methods"
PLUGIN_BYTES = 2**20

M = TypeVar("M", bound=type[Method])
_methods: dict[str, type[Method]] = {}
_plugins: dict[Path, tuple[bytes, list[str]]] = {}  # file -> its text, and the methods that it registered
_complete = False


def register(*, title: str, source: str, name: str | None = None, place: float = math.inf) -> Callable[[M], M]:
    """Registers a method: a class decorator.

        @register(title="Async LU", source="arXiv:2410.05985v1, Algorithm 1")
        class AsyncLU(Method): ...

    title: its name in tables.
    source: paper and algorithm.
    name: on the command line; by default the class's name in snake case (AsyncLU -> async_lu).
    place: position in lists of the suite's own methods; by default last.

    Raises MethodError if the name is taken or is no identifier, and if title or source is not one printable line.
    """

    def decorate(cls: M) -> M:
        key = name or snake_case(cls.__name__)
        if not key.isidentifier():
            raise MethodError(f"'{key}' cannot name a method: use letters, digits and underscores.")
        texts: tuple[object, ...] = (title, source)
        if not all(isinstance(text, str) and text.isprintable() for text in texts):
            raise MethodError(f"Title and source of {key} are one line each, without control characters.")
        if key in _methods:
            raise MethodError(f"Two methods are named '{key}': {_methods[key].file} and {_file(cls)}; rename one.")
        cls.name, cls.title, cls.source, cls.file, cls.place = key, title, source, _file(cls), place
        _methods[key] = cls
        return cls

    return decorate


def _file(cls: type) -> str:
    try:
        return inspect.getfile(cls)
    except (OSError, TypeError) as error:
        raise MethodError(
            f"{cls.__name__} is defined in a notebook's cell or at a prompt, but runs record the text of a file: write "
            "it to one (begin the cell with %%writefile my_sgd.py), and pass plugins=['my_sgd.py']."
        ) from error


def snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _load_all() -> None:
    global _complete
    if _complete:
        return
    package = importlib.import_module("methods")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    for point in entry_points(group=ENTRY_POINTS):
        try:
            point.load()
        except Exception as error:
            raise MethodError(
                f"The plug-in '{point.name}' ({point.value}) failed to load: {type(error).__name__}: {error}. "
                f"Correct or uninstall the package that contains it."
            ) from error
    _complete = True


def load_plugin(path: Path) -> list[str]:
    """Loads the methods of one Python file, as `--plugin my_sgd.py` does, and returns their names.

    A file that was loaded before is loaded again only if its text has changed. Raises MethodError if the file is
    missing, fails, is larger than 1 MiB or registers no method.
    """
    _load_all()
    if not path.is_file():
        raise MethodError(f"There is no plug-in file {path}; --plugin takes the path of a Python file.")
    if path.stat().st_size > PLUGIN_BYTES:
        raise MethodError(f"The plug-in {path} has more than {PLUGIN_BYTES:,} bytes, which no Python file needs.")
    path = path.resolve()
    text, (was, registered) = path.read_bytes(), _plugins.get(path, (b"", []))
    if registered and set(registered) <= _methods.keys():
        if text == was:
            return list(registered)
        for name in registered:  # its text has changed, as when a notebook's cell runs again
            del _methods[name]
    before = set(_methods)
    module_name = f"plugin_{path.stem}_{abs(hash(str(path)))}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise MethodError(f"{path} is no Python file; --plugin takes one whose name ends in .py.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
        _refuse_effects_without_yield(path, text, module)
    except (Exception, SystemExit) as error:
        for name in set(_methods) - before:
            del _methods[name]
        if isinstance(error, MethodError):
            raise
        why = f"{type(error).__name__}: {error}{_line_in(path, error)}"
        raise MethodError(f"The plug-in {path} failed to load: {why}.") from error
    added = [name for name in _methods if name not in before]
    if not added:
        raise MethodError(
            f"The plug-in {path} registers no method; decorate one with @register(title=..., source=...)."
        )
    _plugins[path] = text, added
    return added


def _refuse_effects_without_yield(path: Path, text: bytes, module: ModuleType) -> None:
    """Raises MethodError where a statement only makes an effect or calls a generator: nothing carries it out."""
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Expr(value=ast.Call(func=ast.Name() | ast.Attribute() as function)):
                name = ast.unparse(function)
                try:
                    called = attrgetter(name)(module)
                except AttributeError:  # of a local name
                    continue
                is_effect = isinstance(called, type) and issubclass(called, Effect)
                if is_effect or inspect.isgeneratorfunction(called):
                    word = "yield" if is_effect else "yield from"
                    raise MethodError(
                        f"{path}, line {node.lineno}: {name}(...) is not yielded, so that nothing carries it out: "
                        f"{word} {name}(...)."
                    )


def _line_in(path: Path, error: BaseException) -> str:
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return f" (line {lines[-1]})" if lines else ""


def raised_in_plugin(error: BaseException) -> str:
    """Returns a sentence with file and line if a plug-in's code raised the error; else ""."""
    files = {cls.file for cls in _methods.values() if not _is_own(cls)}
    lines = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename in files]
    if not lines:
        return ""
    place = f"{lines[-1].filename}, line {lines[-1].lineno} ({lines[-1].name})"
    return f"The plug-in failed at {place}: {type(error).__name__}: {error}. Runs that have ended are kept."


def own() -> list[str]:
    """Returns the names of the suite's own methods, in order of their places."""
    _load_all()
    classes = [cls for cls in _methods.values() if _is_own(cls)]
    return [cls.name for cls in sorted(classes, key=lambda cls: (cls.place, cls.name))]


def _is_own(cls: type[Method]) -> bool:
    return cls.__module__.partition(".")[0] == "methods"


def names() -> list[str]:
    """Returns the names of all methods: the suite's own, then the others in order of registration."""
    own_names = own()
    return [*own_names, *(name for name in _methods if name not in own_names)]


def method_class(name: str) -> type[Method]:
    """Returns the class of this name. Raises MethodError, with the nearest names, if there is none."""
    _load_all()
    if name not in _methods:
        raise MethodError(unknown_method(name, _methods))
    return _methods[name]


def option_names(name: str) -> list[str]:
    """Returns the names of a method's options; nested ones are dotted, such as "outer.lr"."""
    return list(_defaults(method_class(name).Options))


@cache
def _defaults(options: type) -> dict[str, Any]:
    return flat(asdict(options()))


def create(name: str, settings: Mapping[str, Any] | None = None) -> Method:
    """Makes a method with these options; the others have their defaults.

        create("async_lu", {"backward_workers": 2})

    name: of a registered method.
    settings: values by option name; nested options have dotted names, such as "outer.lr".

    Raises MethodError for an unknown name or option, an invalid value, and a method class whose `devices`, `replicas`
    or `same_as` is invalid.
    """
    cls = method_class(name)
    if missing := ", ".join(sorted(cls.__abstractmethods__)):
        raise MethodError(f"The method '{name}' does not define {missing}: see CONTRIBUTING, 'Add a method'.")
    options = option_names(name)
    for key in settings or {}:
        if key not in options:
            raise MethodError(unknown(f"option of {name}", key, options))
    try:
        method = cls(cls.Options(**nested(settings or {})))
    except ValidationError as error:
        raise MethodError(_explain(name, error)) from error
    for property_name in ("devices", "replicas"):
        if not (isinstance(count := getattr(method, property_name), int) and count > 0):
            raise MethodError(
                f"The method '{name}' ({cls.file}) has {count!r} {property_name}; it must be a number of at least 1."
            )
    if not isinstance(equivalent := method.same_as, Method | None):
        raise MethodError(f"The method '{name}' ({cls.file}) has same_as {equivalent!r}; it must be a method or None.")
    return method


def check_option(name: str, option: str, value: Any) -> None:
    """Raises MethodError if `create` would refuse this value whatever the other options are."""
    try:
        create(name, {option: value})
    except MethodError as error:
        invalid = error.__cause__.errors() if isinstance(error.__cause__, ValidationError) else [{"loc": "unknown"}]
        if any(part["loc"] for part in invalid):  # without a place it is a check of several options together
            raise


def with_defaults(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a recorded run's options, completed by what the run did where it has none recorded.

    Options of an unknown method come back unchanged.
    """
    _load_all()
    method = _methods.get(name)
    return {**_defaults(method.Options), **filled_in(method.Options, options)} if method else dict(options)


def recorded(name: str, options: Mapping[str, Any]) -> Method:
    """Makes the method of a recorded run from its name and options. Raises like `create`."""
    return create(name, with_defaults(name, options))


def _explain(name: str, error: ValidationError) -> str:
    return "Bad option: " + "; ".join(_complaint(name, detail) for detail in error.errors()) + "."


def _complaint(name: str, error: Mapping[str, Any]) -> str:
    """Returns option, value and fault; a method's own check of several options gives its message without a value."""
    option, words = ".".join(map(str, error["loc"])), error["msg"].removeprefix("Value error, ")
    alone = isinstance(error.get("ctx", {}).get("error"), ValueError)
    return f"{name}{'.' * bool(option)}{option}: {words}" if alone else f"{name}.{option}={error['input']!r}: {words}"
