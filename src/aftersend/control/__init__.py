"""What a person may do: keys, holding and cancelling, sending domains, the state of the installation."""
