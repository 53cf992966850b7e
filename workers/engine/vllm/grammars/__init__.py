"""Grammars that answers must follow: tried out in a process that can be killed, compiled and obeyed in EngineCore.

What a schema or an expression costs to compile depends on the model's vocabulary as much as on itself, and a compile
cannot be interrupted. So each is first compiled in a process of its own, with a limit of time and memory (`trial`);
only what passed goes on to EngineCore (`manager`), where it must also be quick at each step (`allowance`).
"""
