"""The media node: one UDP port, ICE-lite, DTLS-SRTP, packet forwarding; no Flask, no SQLAlchemy, no Dash."""
