"""The only place with SQL. Every function runs through `Database.unit_of_work`."""
