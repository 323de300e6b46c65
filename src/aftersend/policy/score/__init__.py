"""How good a message is, before it is sent: points, each with its reason and its remedy. Pure."""
