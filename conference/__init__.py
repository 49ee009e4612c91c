"""How sites meet: rooms and their rules, signalling, the browser's client, and the media node."""
