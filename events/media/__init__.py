"""Media processing: renditions, pictures and storyboards of uploaded files."""
