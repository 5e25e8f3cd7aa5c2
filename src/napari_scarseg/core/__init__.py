"""Values and pure functions: the words the other parts speak to each other in."""
