"""How people are spoken to: seven languages, and their dates, numbers and money."""
