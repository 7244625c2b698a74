"""The state of a simulated run: what statements do is applied, once what they need is checked."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from migration_guard.linter.order import findings
from migration_guard.linter.order.extensions import MEMBERS
from migration_guard.linter.order.findings import Clash, Findings, UnknownEffect
from migration_guard.linter.order.keys import Key
from migration_guard.linter.order.names import Name
from migration_guard.linter.order.needs import Needs
from migration_guard.linter.order.relations import Relation, column_key, part_key
from migration_guard.linter.order.routine_text import Routine, builds_sql, kinds_kept, words_of
from migration_guard.linter.order.use_kinds import CallUse, Use


@dataclass(slots=True, kw_only=True)
class Simulation(Needs):
    """The state of one run, on which the handlers of statements work."""

    run_statement: Callable[["Simulation", str, Any], None]
    _clashes: list[Clash] = field(default_factory=list)
    _unknown_effects: list[UnknownEffect] = field(default_factory=list)
    _anything_may_exist: bool = False

    def require(self, uses: Iterable[Use]) -> None:
        """Check what a query or expression uses, and apply the calls in it."""
        for use in uses:
            self.require_use(use)
            if isinstance(use, CallUse):
                self.call_function(use)

    @contextmanager
    def run_guarded(self, *, is_likely: bool) -> Iterator[None]:
        """Run statements that do nothing if what they make is there."""
        before = self.catalogue.is_guarded, self._is_likely, len(self._clashes), len(self._drops)
        self.catalogue.is_guarded, self._is_likely = True, is_likely or self._is_likely
        try:
            yield
        finally:
            self.catalogue.is_guarded, self._is_likely = before[:2]
            del self._clashes[before[2] :], self._drops[before[3] :]

    def create_relation(
        self, name: Name, kind: str, *, if_not_exists: bool = False, temporary: bool = False
    ) -> Relation:
        """Create a relation. If one surely exists, report the clash."""
        self.require_schema(name.schema)
        key = self.catalogue.new_key(name, temporary=temporary)
        before = self.catalogue.relations.get(key)
        if before is not None and if_not_exists:
            self.catalogue.record_making(key, self.place(), plain=False)
            before.is_sure = True
            return before
        if before is not None:
            self.add_clash(kind, before.key.name, before)
        relation = Relation(key, kind, self.place())
        # A statement of unknown effect may have made it before, with other columns.
        relation.is_open = if_not_exists and self.catalogue.may_exist(name.name)
        self.catalogue.add(relation, plain=not if_not_exists)
        return relation

    def add_clash(self, what: str, name: str, before: Relation, column: str = "") -> None:
        """Report that a relation, or its column, is created again although it surely exists."""
        if before.is_sure and not self.catalogue.is_flat:
            key = column_key(before, column) if column else before.key
            made = self.catalogue.makings[key][-1].place
            self._clashes.append(Clash(what, name, key, self.place(), made))

    def add_type_clash(self, name: Name, key: Key) -> None:
        """Report that a type is created again although it surely exists."""
        made = self.catalogue.types.get(key)
        if made is not None and not self.catalogue.is_flat:
            self._clashes.append(Clash("type", str(name), key, self.place(), made))

    def add_value_clash(self, key: Key, value: str) -> None:
        """Report that a value is added to an enum that surely has it."""
        made = self.catalogue.objects[key._replace(what="enum")][value]
        if made is not None and not self.catalogue.is_flat:
            value_key = Key("enum value", key.schema, key.name, value)
            shown = f"'{value}' of {key.name}"
            self._clashes.append(Clash("enum value", shown, value_key, self.place(), made))

    def add_part_clash(self, table: Relation, what: str, name: str) -> None:
        """Report that a part of a table is created again although it surely exists."""
        made, is_named = table.parts[what, name].made_at, table.parts[what, name].is_named
        if made is not None and is_named and not self.catalogue.is_flat and not table.is_vague:
            key = part_key(table, what, name)
            shown = f"{name} of {table.key.name}".strip()
            self._clashes.append(Clash(what, shown, key, self.place(), made))

    def create_function(
        self, name: Name, signature: str, *, replace: bool, routine: Routine
    ) -> None:
        """Create a function. If one with this signature surely exists, report the clash."""
        key = self.catalogue.new_key(name, "function")
        made = self.catalogue.objects.get(key, {}).get(signature)
        overload = key._replace(column=f"({signature})")
        if made is not None and not replace and not self.catalogue.is_flat:
            shown = f"{name}({signature})"
            self._clashes.append(Clash("function", shown, overload, self.place(), made))
        self.catalogue.add_object(key, signature, self.place(), plain=not replace)
        self.catalogue.record_making(overload, self.place(), plain=not replace)
        self.functions[name.name] = routine

    def create_extension(self, name: str, schema: str, *, plain: bool) -> None:
        """Create an extension with its members, in any schema where they may be looked for."""
        extension = Key("extension", "", name)
        if extension in self.catalogue.objects:
            return
        place, weak = self.place(), not plain
        self.catalogue.add_object(extension, "", place, plain=plain)
        for member in MEMBERS.get(name, ()):
            key = Key("operator class", "", member)
            self.catalogue.record_making(key, place, plain=plain, weak=weak)
            self.catalogue.objects[key] = {"": None}
            for home in {schema or "public", "public", *self.path[:1]}:
                for what in ("type", "function"):
                    key = self.catalogue.new_key(Name(home, member), what)
                    self.catalogue.record_making(key, place, plain=plain, weak=weak)
                    if what == "type":
                        self.catalogue.types.setdefault(key, None)
                    else:
                        self.catalogue.objects.setdefault(key, {})[f"extension {name}"] = None

    def doubt(self, text: str, why: str, *, is_dynamic: bool | None = None) -> None:
        """Take a statement that may do anything to the objects that its text names."""
        if is_dynamic is None:
            is_dynamic = bool(why) and builds_sql(text)
        kept = kinds_kept(text) if is_dynamic else frozenset()
        self.catalogue.doubt(words_of(text), self.place(), is_dynamic=is_dynamic, kept=kept)
        if why:
            self._unknown_effects.append(UnknownEffect(self.place(), why))

    def doubt_all(self, why: str) -> None:
        """Take a statement that may make any object."""
        self._anything_may_exist = True
        self._unknown_effects.append(UnknownEffect(self.place(), why))

    def doubt_rename(self, name: Name, new_name: str, what: str = "relation") -> None:
        """Take the renaming of an unknown object. If it may exist, its new name may too."""
        self.catalogue.record_attempt(name, self.place(), what)
        if self.catalogue.may_exist(name.name):
            self.catalogue.doubt(frozenset({new_name}), self.place())

    def call_function(self, use: CallUse) -> None:
        """Apply a call in a statement that runs now: the body, and the calling statement."""
        routine = self.functions.get(use.name)
        if routine is not None and routine.may_change_schema:
            text = f"{routine.text} {self.text}"
            is_dynamic = builds_sql(routine.text)
            self.doubt(text, f"the function {use.name}()", is_dynamic=is_dynamic)

    def findings(self) -> Findings:
        """Return what is to be reported, now that all makings are known."""
        return Findings(
            findings.judge_missing(
                self._missing, self.catalogue, anything_may_exist=self._anything_may_exist
            ),
            findings.add_freed(self._clashes, self.catalogue),
            findings.judge_drops(self._drops, self.catalogue),
            tuple(self._unknown_effects),
        )
