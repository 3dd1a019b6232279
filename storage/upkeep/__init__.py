"""The inventory of stored files and the trash inside the storage."""
