"""The servers that coursestream is measured beside; each is given its best, written down here."""
