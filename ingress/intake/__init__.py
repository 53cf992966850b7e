"""From a checked body to a job in the queue: resolve, admit, submit, end early."""
