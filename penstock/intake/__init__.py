"""From a request's body to a job, for whoever makes one: an ingress, or a batch."""
