"""Programs that ask servers, by themselves, and the Python that runs them."""
