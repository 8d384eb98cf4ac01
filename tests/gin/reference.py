"""What gin-config itself understands of a gin file.

The modules that the files import need not be there: stand-ins take their place,
in which every name is a class that takes any parameter. Nothing of gin-config is
replaced. Needs gin-config 0.5 (pip install gin-config).
"""
import enum
import importlib.abc
import importlib.machinery
import importlib.util
import json
import logging
import math
import os
import pathlib
import sys
import types

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "fixtures"))
from gin import config                                      # noqa: E402
from make_gin_fixtures import text                          # noqa: E402


def stand(parent, path, name):
    """A new attribute of parent, which has that path: a class that takes any
    parameter and has any attribute."""
    if name.startswith("__"):
        raise AttributeError(name)
    child = Stand(name, (), {"__init__": lambda self, **parameters: None,
                             "path": path + "." + name})
    setattr(parent, name, child)
    return child


class Stand(type):
    def __getattr__(cls, name):
        return stand(cls, cls.path, name)


class Module(types.ModuleType):
    def __getattr__(self, name):
        return stand(self, self.__name__, name)


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds what nobody else does; enums are constants, as flaxformer's."""

    def find_spec(self, name, path=None, target=None):
        return importlib.machinery.ModuleSpec(
            name, self, origin="/nowhere/__init__.py", is_package=True)

    def create_module(self, spec):
        return Module(spec.name)

    def exec_module(self, module):
        if module.__name__.endswith("enums"):
            config.constants_from_enum(
                enum.Enum("LayerLayout", "BOTTOM MIDDLE MIXED TOP"),
                module=module.__name__)


class Spellings(config.ParserDelegate):
    """Remembers how a constant is spelled, of which gin keeps all of it."""

    def macro(self, name):
        reference = super().macro(name)
        reference.spelling = name
        return reference


def install():
    logging.disable()
    sys.meta_path.append(Finder())
    main = sys.modules["__main__"]
    main.__getattr__ = lambda name: stand(main, "__main__", name)
    config.ParserDelegate = Spellings


def plain(value, depth=2):
    """As "switchyard gin --json" writes it."""
    if isinstance(value, config.ConfigurableReference):
        selector = value.configurable.selector
        if selector == "gin.macro" and value.evaluate:
            bound = config._get_bindings("gin.macro", value.scopes)
            if "value" in bound:
                return plain(bound["value"], depth)
            return "%" + "/".join(value.scopes)
        if selector == "gin.constant" and value.evaluate:
            return "%" + getattr(value, "spelling", "/".join(value.scopes))
        return "@" + value.scoped_selector + "()" * value.evaluate
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, (list, tuple)):
        return [plain(item, depth + 1) for item in value]
    if isinstance(value, dict):
        return {k if isinstance(k, str) else text(k): plain(v, depth + 1)
                for k, v in value.items()}
    if type(value) is int and not -(2**63) <= value < 2**63:
        return float(value)
    if isinstance(value, float) and math.isinf(value):
        return text(value)
    return value


def understood(path, roots):
    """{"macros": ..., "parameters": ...} of a file."""
    spellings = {}
    bind = config.bind_parameter

    def bind_parameter(key, value):
        bind(key, value)
        parsed = config.ParsedBindingKey.parse(key)
        spellings[parsed.scope_selector_arg] = parsed.given_selector

    config.bind_parameter = bind_parameter
    for root in roots:
        config.add_config_file_search_path(str(root))
    config.parse_config_file(str(path))
    macros, parameters, taken = {}, {}, {}
    for (scope, selector), arguments in config._CONFIG.items():
        for name, value in arguments.items():
            if selector == "gin.macro" and scope:
                macros[scope] = plain(value)
                continue
            prefix = scope + "/" if scope else ""
            given = spellings[scope, selector, name]
            # gin's own selector may have a module's alias in it
            path = getattr(config._REGISTRY[selector].wrapped, "path", selector)
            taken.setdefault(prefix + given + "." + name, []).append(
                (prefix + path + "." + name, plain(value)))
    for key, all_of_it in taken.items():
        for complete, value in all_of_it:
            parameters[key if len(all_of_it) == 1 else complete] = value
    return {"macros": macros, "parameters": parameters,
            "text": config.config_str()}


def read(path, roots):
    """The same in a process of its own, since gin keeps what it registers;
    {"error": ...} where gin-config refuses the file."""
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(ours)
        try:
            install()
            answer = understood(path, roots)
        except BaseException as e:
            answer = {"error": "%s: %s" % (type(e).__name__, e)}
        with os.fdopen(theirs, "w") as out:
            json.dump(answer, out)
        os._exit(0)
    os.close(theirs)
    with os.fdopen(ours) as answer:
        result = answer.read()
    os.waitpid(child, 0)
    return json.loads(result)
