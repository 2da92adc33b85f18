"""The commands of `ringfence`, one module each, found by their presence; see `daemon.cli`."""
