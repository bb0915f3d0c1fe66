"""What patches are labelled with: shares of classes from maps, and OpenStreetMap's features as a layer of its own."""
