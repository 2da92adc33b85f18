"""Cisco UCM: flat-file call records, AXL, RISPort, phone XML objects and the push to a phone."""
