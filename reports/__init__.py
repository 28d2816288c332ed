"""Reports: read what is stored and draw it; no number is born here."""
