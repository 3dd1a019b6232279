"""What happened, who must hear, what follows."""
