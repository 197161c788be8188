"""The website: README, lessons, glossary and records as pages that need no network."""
