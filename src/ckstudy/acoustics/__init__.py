"""Simulation of ultrasound RF lines: micro-bubbles in water, insonified and heard by one element.

The rooms, in the order in which the sound passes them: ``constants``, ``transducer``, ``pulse``,
``propagation``, ``thermal`` and ``shell`` (what the bubble's equation needs), ``bubble``,
``scene`` (which bubbles a line holds), ``line`` (scene to RF and labels), ``noise``.
``specification`` says what a user may choose, ``production`` makes whole data sets, and
``reference`` is the plain, slow float64 rendering that the fast path is measured against.
"""
