"""Mailboxes and the actors behind them: ingest, budget, lock, scheduler, mailer, reconcile, bus."""
