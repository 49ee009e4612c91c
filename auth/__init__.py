"""Who may: sites, people, roles, passwords, tokens, device pairing, join links."""
