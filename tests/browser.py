"""A Chromium that shows the explorer, for the tests that use it as a person would."""

import contextlib
import io
import os
import shutil
import threading
from pathlib import Path

import numpy as np
from PIL import Image

from ae_zoo.explorer import make_site, server

# Chromium looks for other hosts on its own, unless it is told not to.
_ARGUMENTS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
]
SHOWN = 20_000  # milliseconds, on a machine that is busy with other tests


def chromium():
    """Path of the system's Chromium, or None."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next(filter(None, map(shutil.which, names)), None)


@contextlib.contextmanager
def serving(model=None):
    """Serve the explorer, and yield its address."""
    with server.open_server(make_site(model), port=0) as opened:
        threading.Thread(target=opened.serve_forever, daemon=True).start()
        yield server.address(opened)
        opened.shutdown()


@contextlib.contextmanager
def launched():
    """Yield a Chromium of Playwright."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**_options())
        yield browser
        browser.close()


@contextlib.contextmanager
def another(browser, arguments):
    """Yield another Chromium, with further arguments."""
    other = browser.browser_type.launch(**_options(arguments))
    yield other
    other.close()


def _options(arguments=()):
    # The sandbox needs rights that a container's administrator does not have.
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    every = [*_ARGUMENTS, *["--no-sandbox"] * is_root, *arguments]
    return {"executable_path": chromium(), "args": every}


class Visit:
    """A visit to the explorer.

    Args:
        browser: A browser of Playwright.
        address: Address of the explorer.
        options: Options of the browser's context, such as `viewport`.

    Attributes:
        page: The page.
        errors: What it reported on the console, and errors that nothing caught.
        hosts: The hosts that it sent requests to.
    """

    def __init__(self, browser, address, **options):
        self.address = address
        self.context = browser.new_context(**options)
        self.page = self.context.new_page()
        self.page.set_default_timeout(SHOWN)
        self.errors, self.hosts = [], set()
        self.page.on("console", self._note)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.context.on("request", self._remember)

    def _note(self, message):
        if message.type == "error":
            self.errors.append(message.text)

    def _remember(self, request):
        if not request.url.startswith(("blob:", "data:")):
            self.hosts.add(request.url.split("/")[2])

    def show(self, view="", model="", reload=True):
        """Go to a view, and wait until it is shown.

        Args:
            view: Name of the view; without one, the page chooses.
            model: Name of the model.
            reload: Whether to load the page again, as a first visit does.
        """
        path = f"#/{view}/{model}" if model else f"#/{view}" if view else ""
        if reload:
            # The address alone would not load the page again.
            self.page.goto("about:blank")
        self.page.goto(self.address + path)
        shown = f"^='{view}/{model}'" if view else ""
        self.page.wait_for_selector(f"main[data-shown{shown}]")
        return self.page

    def pixels(self, selector, place=0):
        """The red values of a canvas, (height, width) in [0, 255]."""
        size, values = (
            self.page.locator(selector)
            .nth(place)
            .evaluate(
                """(canvas) => {
              const { width, height } = canvas;
              const context = canvas.getContext("2d");
              const { data } = context.getImageData(0, 0, width, height);
              return [[height, width], Array.from(data).filter((_, i) => i % 4 === 0)];
            }"""
            )
        )
        return np.asarray(values).reshape(size)

    def settled(self, selector, place=0):
        """The pixels of a canvas when they no longer change."""
        last = None
        for _ in range(50):
            now = self.pixels(selector, place)
            if last is not None and np.array_equal(now, last):
                return now
            last = now
            self.page.wait_for_timeout(60)
        raise AssertionError(f"{selector} goes on changing")

    def screenshot(self, name):
        """Keep a picture of the page, if AE_ZOO_SCREENSHOTS names a folder."""
        folder = os.environ.get("AE_ZOO_SCREENSHOTS")
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.page.mouse.wheel(0, -10_000)
            self.page.wait_for_timeout(200)
            picture = Image.open(io.BytesIO(self.page.screenshot())).convert("RGB")
            picture.save(Path(folder) / f"{name}.webp", quality=88, method=6)

    def check(self):
        """Assert that the page reported no error and asked no other host."""
        errors, self.errors = self.errors, []
        assert errors == []
        assert self.hosts <= {self.address.split("/")[2]}

    def leave(self):
        """Check, and close the page."""
        self.context.close()
        self.check()
