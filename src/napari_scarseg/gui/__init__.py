"""The napari plugin: layers, plans, jobs and dock widgets. The networks run in a process of their own."""
