"""What every other floor stands on: settings, errors, clock, identifiers, database, journal, migrations, backup."""
