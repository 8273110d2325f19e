"""How each thing is done: one room per stage."""
