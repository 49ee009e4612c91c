"""What people see: pages for the wall, the desk and the briefing, the live feed, the HTTP API."""
