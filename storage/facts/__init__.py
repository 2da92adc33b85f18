"""The analytic copy of the calls: what reports are asked of, in columns, always up to date."""
