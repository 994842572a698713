"""Who takes part in the demo."""

from deploy.marketplace.people import Person

ADMINISTRATOR = Person(name="demo-administrator")
DEVELOPER = Person(name="demo-developer", roles=("developer",))
PROVIDER = Person(name="demo-provider", roles=("provider",))
EVERYBODY = [ADMINISTRATOR, DEVELOPER, PROVIDER]
MACHINES = ("home-pc-1", "home-pc-2")
