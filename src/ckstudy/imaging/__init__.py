"""Two dimensions: from an array's channel data to an image below the resolution limit.

``array`` is where the elements are, ``scenes`` which bubbles each frame holds, ``specification``
what a user may choose of both, ``simulate`` what the elements hear of them, and ``frame_file`` the
file of such frames. ``channel_data`` reads frames from these and from a user's own files.
``beamform`` makes an image of channel data, ``super_resolve`` one of what a network says of each
element's line, ``detect`` finds its bubbles, ``calibration`` knows above which score. ``render``
does all that for a file, ``figure`` draws it. ``measure`` measures images of simulated frames
against their truth, by ``point_spread`` and ``score``.
"""
