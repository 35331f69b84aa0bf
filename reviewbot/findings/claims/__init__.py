"""What a finding claims of the code, and what in the code says otherwise."""
