"""Everything that speaks a phone system's own language. The house knows `pbx.port` only."""
