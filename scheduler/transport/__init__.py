"""How messages come to the scheduler and leave it: one port, RabbitMQ behind it, and a stand-in."""
