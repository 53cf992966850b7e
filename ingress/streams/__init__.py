"""From frames to the requests on this process that wait for them."""
