"""What `penstock batch run` reads: requests as JSON Lines, or plain text or CSV that becomes such. No server."""
