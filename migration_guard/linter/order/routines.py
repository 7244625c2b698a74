"""Functions, procedures and DO blocks: what their definition needs, and what their bodies run."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from migration_guard.linter import grammar
from migration_guard.linter.order import plpgsql, possible
from migration_guard.linter.order.enumerations import is_cascade
from migration_guard.linter.order.names import Name, qualified_name, strings
from migration_guard.linter.order.routine_text import Routine
from migration_guard.linter.order.use_kinds import CallUse
from migration_guard.linter.order.uses import type_use, uses
from migration_guard.sql.statements import SQLError, Statement, split

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from migration_guard.linter.order.plpgsql import Body
    from migration_guard.linter.order.simulation import Simulation

_INPUT: Final = frozenset(
    {"FUNC_PARAM_IN", "FUNC_PARAM_INOUT", "FUNC_PARAM_VARIADIC", "FUNC_PARAM_DEFAULT"}
)
_MAX_DEPTH: Final = 3  # calls inside of calls
_MAKES: Final = re.compile(r"\b(?:create|alter|drop)\b", re.IGNORECASE)
_POLYMORPHIC: Final = re.compile(r"^any")


def create(sim: Simulation, node: Any) -> None:
    """Apply CREATE FUNCTION and CREATE PROCEDURE."""
    name, parameters = qualified_name(strings(node.funcname)), _parameters(node)
    language, text = _option(node, "language"), " ".join(_texts(node))
    sim.require_schema(name.schema)
    key = sim.catalogue.new_key(name, "function")._replace(column=signature(parameters))
    with sim.used_by(key):
        if language not in {"c", "internal"}:  # which may name a type that is made only now
            for type_name in (*(p.arg_type for p in parameters), node.return_type):
                sim.require(type_use(type_name))
        for parameter in parameters:
            sim.require(uses(parameter.defexpr))
    names = frozenset(p.name for p in parameters if p.name)
    routine = Routine(language, text, names, is_followed=_is_followed(node))
    if sim.checks_bodies and not _has_settings(node):
        _check_body(sim, node, routine, parameters)
    sim.create_function(name, signature(parameters), replace=node.replace, routine=routine)


def create_aggregate(sim: Simulation, node: Any) -> None:
    """Apply CREATE AGGREGATE."""
    name = qualified_name(strings(node.defnames))
    sim.create_function(name, "aggregate", replace=True, routine=Routine("internal", ""))


def drop(sim: Simulation, node: Any, target: Any) -> None:
    """Apply DROP FUNCTION, PROCEDURE, ROUTINE or AGGREGATE of one object."""
    name = qualified_name(strings(target.objname))
    types = None if target.args_unspecified else signature_of(target.objargs)
    if not node.missing_ok:
        sim.require_function(name, 0, signature=types)
    for key in sim.catalogue.candidates(name, "function"):
        details = sim.catalogue.objects.get(key)
        if details is None:
            continue
        gone = types if types is not None or len(details) > 1 else next(iter(details))
        if gone in details:
            if len(details) == 1 and not is_cascade(node.behavior):
                sim.require_unused(key)
            sim.catalogue.remove_object(key, gone, sim.place())
            sim.catalogue.removals[key._replace(column=f"({gone})")].append(sim.place())
        else:  # one of these, under another name of a type, or none
            sim.catalogue.objects[key] = dict.fromkeys(details)
        return


def signature(parameters: Iterable[Any]) -> str:
    """Return the types of the input parameters, as the server tells overloads apart."""
    return signature_of(p.arg_type for p in parameters if _mode(p) in _INPUT)


def signature_of(types: Iterable[Any]) -> str:
    """Return the last names of types, with brackets for arrays."""
    plain = [
        getattr(node, "type_name", node) if hasattr(node, "WhichOneof") else node for node in types
    ]
    return ", ".join(
        "".join(strings(node.names)[-1:]) + ("[]" if node.array_bounds else "") for node in plain
    )


def do(sim: Simulation, node: Any) -> None:
    """Apply a DO block."""
    texts = [arg.def_elem for arg in node.args]
    text = " ".join(part.arg.string.sval for part in texts if part.defname == "as")
    body = plpgsql.read(text)
    if body is None or any(
        part.defname == "language" and part.arg.string.sval != "plpgsql" for part in texts
    ):
        sim.doubt(text, "a DO block")
        return
    with sim.run_inside(body.variables):
        _require_types(sim, body)
        run_steps(sim, body, text, "a DO block")


def call(sim: Simulation, use: CallUse) -> None:
    """Apply a call that surely runs: what its body does is done, as far as it is known."""
    routine = sim.functions.get(use.name)
    if routine is None or not routine.is_followed or sim.depth >= _MAX_DEPTH:
        sim.call_function(use)
        return
    why = f"the function {use.name}()"
    body = plpgsql.read(routine.text) if routine.language == "plpgsql" else _sql_body(routine)
    if body is None:
        sim.call_function(use)
        return
    with sim.run_inside({*body.variables, *routine.parameters}):
        run_steps(sim, body, f"{routine.text} {sim.text}", why)


def run_steps(sim: Simulation, body: Body, text: str, why: str) -> None:
    """Run what a body surely runs, and doubt what it may run. ``text`` is all that it names."""
    for step in body.steps:
        if step.may_run:
            for part in step.parts:
                possible.record_makings(sim, part)
            sim.doubt(text if step.is_dynamic else step.text, why, is_dynamic=step.is_dynamic)
        elif step.is_guarded:
            with sim.run_guarded(is_likely=step.is_likely):
                _run(sim, step.text, why)
        else:
            _run(sim, step.text, why)


def _run(sim: Simulation, text: str, why: str) -> None:
    for parsed in grammar.parse(Statement(text, 0, len(text), 1)):
        if parsed.kind:
            sim.run_statement(sim, parsed.kind, parsed.node)
        else:
            sim.doubt(text, why, is_dynamic=False)


def _check_body(sim: Simulation, node: Any, routine: Routine, parameters: list[Any]) -> None:
    """Check what the server checks of a body when the function is created."""
    types = [strings(p.arg_type.names)[-1:] for p in parameters]
    if any(name and _POLYMORPHIC.match(name[0]) for name in types):
        return  # the server does not check these
    with sim.run_inside(routine.parameters):
        if routine.language == "plpgsql":
            is_trigger = strings(node.return_type.names)[-1:] == ["trigger"]
            body = plpgsql.read(routine.text, trigger=is_trigger)
            if body is not None:
                _require_types(sim, body)
        elif routine.language == "sql" and not _MAKES.search(routine.text):
            for parsed in _parse(routine.text):
                if parsed.kind in _CHECKED:
                    sim.require(use for use in uses(parsed.node))
        sim.require(use for use in uses(node.sql_body))


_CHECKED: Final = frozenset(
    {"select_stmt", "insert_stmt", "update_stmt", "delete_stmt", "merge_stmt"}
)


def _parse(text: str) -> Iterator[grammar.ParsedStatement]:
    try:
        found = split(text, "postgresql")
    except SQLError:
        return
    for statement in found:
        if not statement.meta:
            yield from grammar.parse(statement)


def _sql_body(routine: Routine) -> Body | None:
    if routine.language != "sql":
        return None
    steps = [plpgsql.Step(parsed.statement.text) for parsed in _parse(routine.text)]
    return plpgsql.Body(steps)


def _require_types(sim: Simulation, body: Body) -> None:
    """Check the types of a body's variables, which must exist when it is compiled."""
    for text in body.types:
        plain = text.lower()
        if plain.endswith("%rowtype"):
            sim.require_relation(_name(text.partition("%")[0]), 0)
        elif "%" not in text and "[" not in text and "(" not in text:
            sim.require_type(_name(text), 0)


def _name(text: str) -> Name:
    return qualified_name([part.strip('"') for part in text.split(".")])


def _parameters(node: Any) -> list[Any]:
    return [parameter.function_parameter for parameter in node.parameters]


def _mode(parameter: Any) -> str:
    field = parameter.DESCRIPTOR.fields_by_name["mode"]
    return str(field.enum_type.values_by_number[parameter.mode].name)


def _option(node: Any, name: str) -> str:
    values = [o.def_elem.arg.string.sval for o in node.options if o.def_elem.defname == name]
    return values[0].lower() if values else "sql"


def _has_settings(node: Any) -> bool:
    """Return True if the function has settings of its own, such as a search path."""
    return any(option.def_elem.defname == "set" for option in node.options)


def _is_followed(node: Any) -> bool:
    """Return False if a null makes a call do nothing, or if it has a search path of its own."""
    return not any(option.def_elem.defname in {"strict", "set"} for option in node.options)


def _texts(node: Any) -> list[str]:
    return [
        text
        for option in node.options
        if option.def_elem.defname == "as"
        for text in strings(option.def_elem.arg.list.items)
    ]
