"""A whole marketplace on this machine: servers, controller, agents. The quickstart and the acceptance tests run it."""
