"""What is happening: sensing, incidents, resources, duty, and the journalled changes of each."""
