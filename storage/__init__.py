"""The only place with SQL. Every function is run through `storage.database.Database.unit_of_work`."""
