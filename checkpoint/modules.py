"""Whole networks in a pickle, as torch.save(network) and NVIDIA's .pkl leave them, walked without their classes.

tensors(record)["style.1.weight"]
setting(record, "style.1", "lr_mul")       # what no tensor shows
"""

from checkpoint.records import PERSISTENT, Record
from errors import InputError

MOST_MODULES = 10_000
ABSENT = object()


def is_module(record: object) -> bool:
    return isinstance(record, Record) and {"_parameters", "_buffers", "_modules"} <= set(attributes(record))


def attributes(record: Record) -> dict:
    """The module's __dict__. NVIDIA's lies in the argument of the function that would run the source beside it."""
    state = record.state
    if record.name.endswith(PERSISTENT) and record.args:
        state = entries(record.args[0]).get("state")
    return state if isinstance(state, dict) else entries(state)


def title(record: Record) -> str:
    """The class, for people."""
    if record.name.endswith(PERSISTENT) and record.args:
        return str(entries(record.args[0]).get("class_name"))
    return record.name


def tensors(record: Record) -> dict[str, object]:
    """Every parameter and buffer that state_dict() would hold, under its dotted name; still as the file has them."""
    found, pending, seen = {}, [("", record)], 0
    while pending:
        prefix, module = pending.pop()
        seen += 1
        if seen > MOST_MODULES:
            raise InputError("damaged (too many modules)")
        found |= {prefix + name: tensor for name, tensor in own(module).items()}
        pending += [(f"{prefix}{name}.", child) for name, child in reversed(children(module).items())]
    return found


def own(module: Record) -> dict[str, object]:
    """Its own parameters, then its buffers, but for those that are not saved."""
    table = attributes(module)
    unsaved = {name for name in members(table.get("_non_persistent_buffers_set")) if isinstance(name, str)}
    both = _table(table, "_parameters") | {k: v for k, v in _table(table, "_buffers").items() if k not in unsaved}
    return {name: tensor for name, tensor in both.items() if tensor is not None}


def children(module: Record) -> dict[str, Record]:
    return {name: child for name, child in _table(attributes(module), "_modules").items() if is_module(child)}


def at(module: Record, path: str) -> Record | None:
    """The module of a dotted path."""
    for name in filter(None, path.split(".")):
        module = module and children(module).get(name)
    return module


def setting(record: Record, path: str, attribute: str) -> object:
    """An attribute of one of its modules, as the file has it; ABSENT where there is none."""
    holder = at(record, path)
    return attributes(holder).get(attribute, ABSENT) if holder else ABSENT


def argument(record: Record, names: tuple[str, ...]) -> object:
    """One of the arguments that NVIDIA's network was built with, by its path through tables in tables."""
    value = attributes(record).get("_init_kwargs", ABSENT)
    for name in names:
        value = entries(value).get(name, ABSENT)
    return value


def entries(value: object) -> dict:
    """Of a dict, or of an object that is one: those of its argument (a dict, or pairs), and those that were set."""
    if isinstance(value, Record):
        given = next((argument for argument in value.args if isinstance(argument, (dict, list))), {})
        if isinstance(given, list):
            given = dict(pair for pair in given if isinstance(pair, (list, tuple)) and len(pair) == 2)
        return {**given, **value.pairs}
    return value if isinstance(value, dict) else {}


def members(value: object) -> list:
    """Of a set or list, or of an object that is one."""
    if isinstance(value, Record):
        return [*members(value.args[0] if value.args else None), *value.items]
    return [*value] if isinstance(value, (list, tuple, set, frozenset)) else []


def _table(table: dict, name: str) -> dict:
    found = table.get(name)
    if not isinstance(found, (dict, Record, type(None))):
        raise InputError(f"damaged ({name} is not a table)")
    return {key: value for key, value in entries(found).items() if isinstance(key, str)}
