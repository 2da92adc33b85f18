"""Everything that speaks a phone system's own language. The rest of the house knows `pbx.port` only."""
