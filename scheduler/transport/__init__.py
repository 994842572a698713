"""How messages come to the scheduler and leave it: four ports, RabbitMQ behind them, and a stand-in."""
