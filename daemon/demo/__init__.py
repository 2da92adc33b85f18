"""The demo: an invented company with a year of calls, on a lab instead of a phone system."""
