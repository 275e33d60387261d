"""What there is: hosts, levels of the fabric, what is free and who holds it."""
