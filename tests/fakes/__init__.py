"""Stand-ins for what the program talks to: real sockets in, the exact bodies out."""
