"""The words of the trade: numbers, money, calls, legs, clock, errors. Pure: no I/O and no trio."""
