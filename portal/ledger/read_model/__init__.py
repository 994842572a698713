"""The read model: what blocks change in it. Called by the follower only, inside one database transaction."""
