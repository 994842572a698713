"""The real servers, each started privately: own directory, own ports, nothing of the machine's touched."""
