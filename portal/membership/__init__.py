"""Members of the Fabric network: who gets a certificate of the organisation that participants belong to."""
