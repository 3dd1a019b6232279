"""Durations of the steps of media work, counted by all workers together.

One row per step and outcome, both of which are names in the code: the table stays small.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from db.pool import Queries, Transaction

# Counts of another length are of a version with other bounds: they begin anew.
ADD = """
INSERT INTO media_steps AS s (step, outcome, counts, total_s)
VALUES (%(step)s, %(outcome)s, %(counts)s::bigint[], %(total_s)s)
ON CONFLICT (step, outcome) DO UPDATE SET
    counts = CASE WHEN cardinality(s.counts) = cardinality(excluded.counts) THEN
        ARRAY(SELECT old + new FROM unnest(s.counts, excluded.counts) WITH ORDINALITY
              AS both_counts (old, new, place) ORDER BY place)
        ELSE excluded.counts END,
    total_s = CASE WHEN cardinality(s.counts) = cardinality(excluded.counts)
        THEN s.total_s + excluded.total_s ELSE excluded.total_s END
"""

LIST = "SELECT step, outcome, counts, total_s FROM media_steps ORDER BY step, outcome"


@dataclass(frozen=True, slots=True)
class StepCounts:
    """`counts` has a number for each bound, not cumulative, and one for what is beyond."""

    step: str
    outcome: str
    counts: Sequence[int]
    total_s: float


async def add(transaction: Transaction, rows: Sequence[StepCounts]) -> None:
    """Add to what is counted. In one order, so that two workers never wait for each other."""
    for row in sorted(rows, key=lambda one: (one.step, one.outcome)):
        await transaction.execute(
            ADD,
            {
                "step": row.step,
                "outcome": row.outcome,
                "counts": list(row.counts),
                "total_s": row.total_s,
            },
        )


async def list_all(queries: Queries) -> list[StepCounts]:
    return [StepCounts(*row) for row in await queries.fetch_all(LIST)]
