"""Progress over HTTP: reports, and what is known from them."""
