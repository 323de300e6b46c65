"""Own the schema's version: make it, bring it up to date, say whether it is.

A new database is made at once as the tables are now; an older one goes through the migrations of Alembic, which is only
imported then. A test proves that both ways end in the same schema.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from aftersend.errors import SettingsError
from aftersend.store.engine import Engine, alone
from aftersend.store.schema import metadata

HEAD = "0007"


def version(connection: Connection) -> str | None:
    """Return the version of the schema, or None for an empty database."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if found is None else str(found)


def upgrade(engine: Engine) -> str | None:
    """Bring the schema up to date, whatever it was; return the version it had before.

    Raise SettingsError if the database was made by a newer Aftersend.
    """
    with engine.writing() as connection:
        alone(connection)
        before = version(connection)
        if before is None:
            metadata.create_all(connection)
            connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
            connection.execute(text(f"INSERT INTO alembic_version VALUES ('{HEAD}')"))
            return None
    if before != HEAD:
        if before > HEAD:
            raise SettingsError(
                f"The database has schema {before}, this Aftersend knows {HEAD}: run the newer version."
            )
        migrate(engine)
    return before


def migrate(engine: Engine, target: str = "head") -> None:
    """Run the migrations up to `target`, from whatever the database says it has."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    with engine.writing() as connection:
        if not connection.in_transaction():
            connection.begin()  # else Alembic would see no transaction, and commit after each step
        config.attributes["connection"] = connection
        command.upgrade(config, target)
