"""Shortcuts: requests answered from their bytes, before aiohttp parses them."""
