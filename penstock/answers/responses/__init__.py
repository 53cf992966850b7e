"""A job's answer as the Responses API has it: items, events with sequence numbers, and the response object."""
