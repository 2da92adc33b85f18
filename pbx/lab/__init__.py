"""Simulators for the demo and for tests. They refuse what the real thing would refuse."""
