"""The pages: each view understands the request, makes one call of the domain, and shows the answer."""
