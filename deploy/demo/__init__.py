"""The quickstart: a marketplace with demo people and one demo function, called and paid before one's eyes."""
