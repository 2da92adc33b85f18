"""The portal: sign-in, pages, live updates."""
