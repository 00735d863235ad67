"""What is served over HTTP: metrics, health, and the page for a person."""
