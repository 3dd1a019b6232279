"""The job queue's own tables, made by the schema that the installed procrastinate brings."""

from procrastinate.schema import SchemaManager
from yoyo import step

__depends__ = {"0004_progress"}

DROP_EVERYTHING = """
DO $$
DECLARE dropped text;
BEGIN
    FOR dropped IN
        SELECT format('DROP TABLE IF EXISTS %I CASCADE', tablename) FROM pg_tables
        WHERE schemaname = current_schema() AND tablename LIKE 'procrastinate\\_%'
    LOOP EXECUTE dropped; END LOOP;
    FOR dropped IN
        SELECT format('DROP FUNCTION IF EXISTS %s CASCADE', p.oid::regprocedure)
        FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
        WHERE n.nspname = current_schema() AND p.proname LIKE 'procrastinate\\_%'
    LOOP EXECUTE dropped; END LOOP;
    FOR dropped IN
        SELECT format('DROP TYPE IF EXISTS %I CASCADE', t.typname)
        FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
        WHERE n.nspname = current_schema() AND t.typname LIKE 'procrastinate\\_%'
          AND t.typtype IN ('e', 'c')
          AND t.typrelid NOT IN (SELECT oid FROM pg_class WHERE relkind <> 'c')
    LOOP EXECUTE dropped; END LOOP;
END $$
"""


def create(connection: object) -> None:
    connection.cursor().execute(SchemaManager.get_schema())  # type: ignore[attr-defined]


def drop(connection: object) -> None:
    connection.cursor().execute(DROP_EVERYTHING)  # type: ignore[attr-defined]


steps = [step(create, drop)]
