# ruff: noqa: S608 (what is put into a statement here is a column list of ours; values are parameters)
"""Service plans."""

from typing import Any, Final

from ..errors import AlreadyExists, NotFound
from ..model import ServicePlan, plan_id
from .files.database import Database
from .recording.recorder import Recorder
from .rows import PLAN_COLUMNS, load_plan, load_rows, save_plan

MOST_PLANS: Final = 500  # of one operator (4.34)


class Plans:
    """The service plans of the operator."""

    def __init__(self, database: Database, recorder: Recorder) -> None:
        self._db = database
        self._recorder = recorder

    def all(self) -> tuple[ServicePlan, ...]:
        rows = self._db.rows(f"SELECT {PLAN_COLUMNS} FROM plans ORDER BY id")
        return tuple(load_rows("plans", rows, load_plan))

    def get(self, id_: int) -> ServicePlan:
        """Return a plan; NotFound where there is none of that id."""
        rows = self._db.rows(f"SELECT {PLAN_COLUMNS} FROM plans WHERE id = ?", (id_,))
        for plan in load_rows("plans", rows, load_plan):
            return plan
        raise NotFound(f"no plan {id_}")

    def add(self, name: str, **values: Any) -> ServicePlan:
        """Return a new plan; `values` are the other fields of a ServicePlan, unlimited where not given."""
        with self._recorder.change("plan.add") as change:
            count = self._db.rows("SELECT count(*) FROM plans")[0][0]
            if count >= MOST_PLANS:
                raise AlreadyExists(f"there are {count} plans already, and an operator may have {MOST_PLANS}")
            unlimited = {"download_kbps": None, "upload_kbps": None, "devices": None, "wireless_only": False}
            plan = ServicePlan(id=self._db.allocate("plans"), name=name, **(unlimited | values))
            change.subject("plan", plan.id, name)
            self._refuse_taken(plan)
            self._recorder.insert("plans", save_plan(plan))
        return plan

    def save(self, plan: ServicePlan) -> None:
        with self._recorder.change("plan.set") as change:
            change.subject("plan", plan.id, plan.name)
            self._refuse_taken(plan)
            if not self._recorder.update("plans", plan.id, save_plan(plan)):
                raise NotFound(f"no plan {plan.id}")

    def remove(self, id_: int) -> None:
        """Take away a plan that no key has any more: `lifecycle.plans` sees to that."""
        plan = self.get(id_)
        with self._recorder.change("plan.remove") as change:
            change.subject("plan", id_, plan.name)
            self._recorder.delete("plans", id_)

    def _refuse_taken(self, plan: ServicePlan) -> None:
        if self._db.row("SELECT 1 FROM plans WHERE name = ? AND id != ?", (plan.name, plan.id)):
            raise AlreadyExists(f"there is a plan {plan.name!r} already")
        operator = self._db.rows("SELECT name FROM operator")[0][0]
        for (name,) in self._db.rows("SELECT name FROM plans WHERE id != ?", (plan.id,)):
            if plan_id(operator, name) == plan_id(operator, plan.name):
                raise AlreadyExists(f"plan {plan.name!r} and {name!r} would both be {plan_id(operator, name)}")
