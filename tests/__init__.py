"""The tests: the real program against fakes that speak the real bodies."""
