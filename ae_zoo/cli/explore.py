"""`ae-zoo explore`."""

from __future__ import annotations

import argparse
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from ae_zoo.cli import _quiet
from ae_zoo.cli.options import (
    OWN_DATA,
    add_data,
    add_data_dir,
    add_recipe_of_model,
    positive_integer,
)

if TYPE_CHECKING:
    from ae_zoo.explorer import Site

HELP = "Open a page that runs the models in the browser."
_PORTS = 2**16


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "model",
        nargs="?",
        help="name of a model to begin with; or a model folder or .tflite file of "
        "your own",
    )
    parser.add_argument(
        "--port",
        type=_port,
        metavar="N",
        help="port on 127.0.0.1; 0 takes a free one; default: 8351, or the next free",
    )
    parser.add_argument(
        "--no-browser", action="store_true", help="print the address only"
    )
    parser.add_argument(
        "--build",
        type=Path,
        metavar="DIR",
        help="write the page as static files for a web host, and exit",
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace a page that --build wrote"
    )
    parser.add_argument(
        "--prepare",
        action="store_true",
        help="add what the page shows of test samples, such as their codes, to the "
        "model's folder, and exit",
    )
    parser.add_argument(
        "--trainable",
        type=positive_integer,
        metavar="N",
        help="with --prepare, also add a file that the page trains on N samples a step",
    )
    add_recipe_of_model(parser)
    add_data(parser, OWN_DATA)
    add_data_dir(parser)


def run(options: argparse.Namespace) -> None:
    if options.prepare and options.build is not None:
        raise ValueError("Choose one of --prepare and --build.")
    if options.trainable is not None and not options.prepare:
        raise ValueError("--trainable is an option of --prepare. Add --prepare.")
    if options.prepare:
        _prepare(options)
        return
    from ae_zoo import explorer

    site = explorer.make_site(options.model)
    if options.build is not None:
        explorer.write_site(site, options.build, options.overwrite)
        size = sum(len(file.unpacked()) for file in site.values())
        print(f"Wrote {len(site)} files ({size / 1e6:.1f} MB) to {options.build}")
        return
    _serve(site, options.port, opens_browser=not options.no_browser)


def _serve(site: Site, port: int | None, opens_browser: bool) -> None:
    from ae_zoo.explorer import server

    with server.open_server(site, port) as opened:
        address = server.address(opened)
        try:
            print(f"The explorer is at {address} (press Ctrl-C to stop it)", flush=True)
            if opens_browser:
                # A browser in the terminal returns only when it ends.
                threading.Thread(target=_open, args=(address,), daemon=True).start()
            opened.serve_forever()
        except KeyboardInterrupt:
            print()  # Ctrl-C is the usual way to stop the server.


def _open(address: str) -> None:
    import webbrowser

    if not webbrowser.open(address):
        print("No browser was found. Open the address yourself.", flush=True)


def _prepare(options: argparse.Namespace) -> None:
    _quiet.load_tensorflow()
    from ae_zoo.studies.explorer_data import explorer_data

    if options.model is None:
        raise ValueError("--prepare needs the name or folder of a model.")
    added = explorer_data(
        options.model,
        options.recipe,
        options.data_dir,
        options.data,
        options.trainable,
    )
    print(f"Added to {options.model}: {', '.join(added)}")


def _port(text: str) -> int:
    number = int(text) if text.isdecimal() and len(text) < 10 else -1
    if not 0 <= number < _PORTS:
        raise argparse.ArgumentTypeError(
            f"expected a port from 0 to {_PORTS - 1}, received {text!r}"
        )
    return number
