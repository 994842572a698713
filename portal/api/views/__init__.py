"""One module a domain: what each address answers."""
