"""The page that runs models of the zoo in a browser, and what serves it.

The sources of the page are in `web/` of the repository; `page/` holds the built page.
Importing this package imports neither TensorFlow nor Keras.
"""

from __future__ import annotations

from ae_zoo.explorer.site import Site, make_site, write_site

__all__ = ["Site", "make_site", "write_site"]
