"""The store on disk: SQLite, pictures, locks, space, integrity."""
