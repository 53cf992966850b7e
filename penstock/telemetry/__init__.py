"""What Penstock tells about itself: metrics, spans and log events, each name declared once."""
