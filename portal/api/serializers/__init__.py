"""One module a domain: the forms of requests and answers."""
