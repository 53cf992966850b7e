"""How much of anything one request may hold: bounds on work that is done before anybody knows what it is for.

They end the time that one request can take from others, and lie beyond what clients ask for.
"""

from __future__ import annotations

# All of a body, counted before it is decoded.

#: Lists and objects.
MAX_CONTAINERS = 65_536
#: Strings, names of fields among them.
MAX_STRINGS = 131_072
#: Values that follow others: token ids, nearly all.
MAX_VALUES = 1 << 20

# Its fields.

MAX_MESSAGES = 4096
#: Of a request to `/v1/responses`; several may become one message.
MAX_INPUT_ITEMS = 4096
#: Of all messages together, and so of one.
MAX_CONTENT_PARTS = 8192
#: Of all messages together.
MAX_TOOL_CALLS = 4096
#: In the arguments of all of these, which are JSON inside a string.
MAX_ARGUMENT_VALUES = 131_072
#: One grammar may have to know them all.
MAX_TOOLS = 128
MAX_DOCUMENTS = 1024
#: Values in `chat_template_kwargs`, at any depth: templates go through them in loops of their own.
MAX_TEMPLATE_VALUES = 1024
MAX_TEMPLATE_DEPTH = 16
#: Prompts of one completion: each is a generation of its own.
MAX_PROMPTS = 1024
MAX_CHOICES = 128
#: Prompts times choices.
MAX_GENERATIONS = 1024
#: OpenAI's is 4; more do no harm, as long as the number has an end.
MAX_STOP_STRINGS = 16
#: Of all stop strings together: each token is compared with them.
MAX_STOP_CHARACTERS = 16_384
MAX_STOP_TOKENS = 1024
#: As many as the largest vocabularies have.
MAX_ALLOWED_TOKENS = 1 << 18
#: Engines go through them with every token.
MAX_BAD_WORDS = 1024
MAX_BAD_WORD_CHARACTERS = 16_384
MAX_LOGIT_BIAS = 1024
MAX_LOGPROBS = 20
#: No vocabulary is this large; what is above would not fit the engines' 32-bit ids.
MAX_TOKEN_ID = 2**31 - 1
