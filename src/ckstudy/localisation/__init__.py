"""Using a trained network on RF lines of one's own: from a file to detections.

``recording`` holds lines and reads them in blocks, ``readers`` opens the files they come in,
``resample`` brings them to the network's rate, ``likeness`` says where they are unlike what it was
trained on, ``detections`` turns its output into bubbles, and ``localise`` puts these together.
"""
