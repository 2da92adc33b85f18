"""What was called and spent, asked any way."""
