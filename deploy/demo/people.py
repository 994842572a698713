"""Who takes part in the demo."""

from deploy.marketplace.people import Person

ADMINISTRATOR = Person(name="demo-administrator", organisation="controller")
#: Money needs an administrator of each organisation.
PEERS_ADMINISTRATOR = Person(name="demo-peers-administrator", organisation="peers")
ADMINISTRATORS = [ADMINISTRATOR, PEERS_ADMINISTRATOR]
DEVELOPER = Person(name="demo-developer", roles=("developer",))
PROVIDER = Person(name="demo-provider", roles=("provider",))
EVERYBODY = [*ADMINISTRATORS, DEVELOPER, PROVIDER]
MACHINES = ("home-pc-1", "home-pc-2")
