"""Records what the calls of tests.contract.invocations do: the contract that users' scripts rest on.

    python -m tests.contract.record                 record what is not recorded yet; show what is no longer as recorded
    python -m tests.contract.record NAME...         record these again: a deliberate change of the contract
    python -m tests.contract.record --all           record everything again

A new command, option or JSON field needs nothing: ``test_contract.py`` takes additions. Calls to guard them are added
to ``invocations.py``. A call that changed for its users is named here on purpose, and the difference is read in review.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from tests.contract.compare import differences
from tests.contract.invocations import INVOCATIONS
from tests.contract.replay import RECORDED, carry_out, read_recorded


def main(names: list[str]) -> int:
    """Record, and say how many calls were; 1 when some differ and were not named, 2 for unknown names."""
    unknown = [name for name in names if name not in INVOCATIONS and name != "--all"]
    if unknown:
        print(f"no such call: {', '.join(unknown)}")
        return 2
    recorded = {name: call for name, call in read_recorded().items() if name in INVOCATIONS}
    again = set(INVOCATIONS) if "--all" in names else {*names}
    changed = 0
    for name, invocation in INVOCATIONS.items():
        if invocation.missing:
            print(f"{name}: not carried out, {', '.join(invocation.missing)} is not installed")
            continue
        found = carry_out(invocation)
        different = list(differences(recorded[name], found)) if name in recorded else []
        for line in different:
            print(f"{name}: {line}")
        if name not in recorded or name in again:
            recorded[name] = found
        else:
            changed += bool(different)
    _write(recorded)
    print(f"{len(recorded)} calls are recorded; {changed} differ and were left as they are.")
    return 1 if changed else 0


def _write(recorded: dict[str, dict[str, Any]]) -> None:
    for path in RECORDED.glob("*.json"):
        path.unlink()
    groups: dict[str, dict[str, Any]] = {}
    for name in sorted(recorded):
        groups.setdefault(name.partition("/")[0], {})[name] = recorded[name]
    for group, calls in groups.items():
        text = json.dumps(calls, indent=1, ensure_ascii=False)
        (RECORDED / f"{group}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
