"""The controller's Django project: web pages, REST API, function endpoints, and the ledger's recorder."""
