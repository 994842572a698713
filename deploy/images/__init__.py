"""Container images made on this machine, without Docker and without the internet: files in, a registry's image out."""
