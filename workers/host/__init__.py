"""The processes that hold engines: one parent, which forks the workers and replaces those that end."""
