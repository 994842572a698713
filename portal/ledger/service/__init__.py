"""The process of recorder and follower: its loop, its metrics, and where it says how it is."""
