"""Progress over HTTP: reports, and the progress stored from them."""
