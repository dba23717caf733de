"""``python -m ckstudy`` is the ``ckstudy`` command."""

from ckstudy.cli import main

main()
