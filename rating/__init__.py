"""What a call costs and what a budget allows. Pure: imports `telephony` alone."""
