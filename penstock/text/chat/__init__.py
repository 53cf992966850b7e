"""From a conversation to the text of a prompt, by the chat template of the model's folder."""
