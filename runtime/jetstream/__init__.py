"""JetStream, used in one way: the streams there are, consumers, steady flow."""
