"""Block stores on this machine."""
