"""Several nodes on one store: the bus, leases, periodic jobs, durable consumers, and worker processes."""
