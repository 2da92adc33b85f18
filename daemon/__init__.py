"""The process: commands, configuration, composition root, embedded PostgreSQL, health."""
