"""One module per bench, each with one headline; `make bench` lists them, `make bench NAME=x` runs one.

Its last line is a JSON object: the headline's value and aim, whether that is met (`ok`), and the figures behind it.
"""
