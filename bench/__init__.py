"""One module per headline figure; `make bench NAME=x` runs one and prints a JSON object as its last line."""
