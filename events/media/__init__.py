"""Media processing: served files, pictures and storyboards of uploaded files."""
