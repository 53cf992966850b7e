"""The demo model: its weights, the text it was taught, and the script that taught it."""
