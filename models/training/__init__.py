"""How the demo model is made: tokenizer, conversations, training loop, examination."""
