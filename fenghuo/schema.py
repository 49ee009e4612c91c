"""All tables of all floors, for comparing the models with the schema's history."""

import importlib
import pkgutil

from sqlalchemy import MetaData

import auth
import conference
import operations
from foundation.database import Base


def metadata() -> MetaData:
    """The metadata of every table, each module of the floors that own tables being imported first."""
    importlib.import_module("foundation.journal")
    for floor in (auth, operations, conference):
        for module in pkgutil.iter_modules(floor.__path__, f"{floor.__name__}."):
            if not module.ispkg:
                importlib.import_module(module.name)
    return Base.metadata
