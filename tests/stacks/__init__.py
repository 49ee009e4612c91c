"""Independent stacks in a consultation: Firefox by WebDriver BiDi, and libwebrtc without a browser with the WHIP and WHEP client of others."""
