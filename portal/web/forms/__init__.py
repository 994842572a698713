"""What people fill in, in the units that people use; the operations check it again."""
