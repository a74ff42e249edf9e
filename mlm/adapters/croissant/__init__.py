"""The CroissantValidator port over mlcroissant, in a confined child: a document comes from anybody."""
