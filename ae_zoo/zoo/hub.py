"""Model folders in repositories of the Hugging Face Hub.

Nothing here is called unless the user names a repository, "hf://user/repo". What is
downloaded is bounded, copied to a private folder, and then read like any model folder.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import pathlib
import re
import shutil
import tempfile
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ae_zoo._bounds import MAX_FOLDER
from ae_zoo._reading import UnsafeModelError, clean, short
from ae_zoo.zoo import checksums

if TYPE_CHECKING:
    from ae_zoo.models import Autoencoder

_NAME = re.compile(r"hf://([\w.-]+/[\w.-]+)(?:@([\w./-]+))?")
_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")
# The names under which the Hub knows the usual licenses of weights.
_LICENSES = {
    "apache-2.0",
    "bsd-3-clause",
    "cc-by-4.0",
    "cc-by-nc-4.0",
    "cc-by-nc-sa-4.0",
    "cc-by-sa-4.0",
    "cc0-1.0",
    "gpl-3.0",
    "mit",
}
_folders: list[pathlib.Path] = []


def fetch(name: str) -> pathlib.Path:
    """Download the model folder of a repository.

    The cache of huggingface_hub keeps the files; the folder is a private copy, which is
    removed when Python ends.

    Args:
        name: "hf://user/repo" or "hf://user/repo@revision".

    Returns:
        Path of a folder with the files that `SHA256SUMS` lists. They have not been
        checked yet.

    Raises:
        ValueError: The name has another form.
        FileNotFoundError: There is no such repository or revision, or it holds no model
            folder.
        OSError: The Hub cannot be reached.
        UnsafeModelError: The files are too many or too large.
        ImportError: The package huggingface_hub is not installed.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        raise ValueError(
            "Expected 'hf://user/repo' or 'hf://user/repo@revision'. Received: "
            f"{short(name)}"
        )
    repo_id, revision = match.groups()
    api = _api(None)
    with _explained(name):
        info = api.model_info(repo_id, revision=revision, files_metadata=True)
    sizes = {file.rfilename: file.size or 0 for file in info.siblings or []}
    if checksums.CHECKSUMS not in sizes:
        raise FileNotFoundError(
            f"'{name}' holds no {checksums.CHECKSUMS}, so it is no model folder. "
            "`model.push_to_hub` writes such repositories."
        )
    folder = _private_folder() / repo_id.replace("/", "--")
    folder.mkdir()

    def download(files: list[str]) -> None:
        total = sum(sizes[file] for file in files)
        if total > MAX_FOLDER:
            raise UnsafeModelError(
                f"'{name}' lists files of {total:,} bytes; at most {MAX_FOLDER:,} are "
                "allowed."
            )
        for file in files:
            # All files of one commit, also if the branch moves meanwhile.
            with _explained(name):
                path = api.hf_hub_download(repo_id, file, revision=info.sha)
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, folder / file)  # the cache holds links

    download([list for list in checksums.LISTS if list in sizes])
    # Names that lead out of the folder are refused before anything else is fetched.
    download([n for n in checksums.listed_names(folder) if n in sizes])
    return folder


def push_to_hub(
    model: Autoencoder,
    repo_id: str,
    *,
    private: bool | None = None,
    token: str | None = None,
    revision: str | None = None,
    commit_message: str | None = None,
    **facts: Any,
) -> str:
    """Write a model folder, and upload it to a repository of the Hugging Face Hub.

    Args:
        model: An `ae_zoo.models.Autoencoder`.
        repo_id: "user/name". The repository is created if it does not exist.
        private: Whether a new repository is private; None is the default of the user.
        token: Token of the user; None is the one that `hf auth login` has stored.
        revision: Branch to upload to; None is the main branch.
        commit_message: Message of the commit.
        **facts: What `save_pretrained` takes: `name`, `task`, `license`, ...; `name` is
            the name of the repository by default.

    Returns:
        The name for `ae_zoo.load`: "hf://user/name".

    Raises:
        TypeError, ValueError: As `save_pretrained`; or `repo_id` has another form.
        FileNotFoundError: The user may not write to the repository.
        OSError: The Hub cannot be reached.
        ImportError: The package huggingface_hub is not installed.
    """
    from ae_zoo.zoo.pretrained import save_pretrained

    if not isinstance(repo_id, str) or not _REPOSITORY.fullmatch(repo_id):
        raise ValueError(f"`repo_id` must be 'user/name'. Received: {repo_id!r}")
    for argument in ("overwrite", "folder"):
        if argument in facts:
            raise TypeError(f"`push_to_hub` has no argument {argument!r}.")
    api = _api(token)
    with tempfile.TemporaryDirectory(prefix="ae_zoo-") as private_folder:
        folder = pathlib.Path(private_folder) / repo_id.split("/")[1]
        save_pretrained(model, folder, **facts)
        _add_metadata(folder, f"hf://{repo_id}", facts.get("license"))
        with _explained(f"hf://{repo_id}"):
            api.create_repo(repo_id, private=private, exist_ok=True)
            if revision is not None:
                api.create_branch(repo_id, branch=revision, exist_ok=True)
            # One commit, so that the repository is never half a folder.
            api.create_commit(
                repo_id,
                _additions(folder),
                commit_message=commit_message or "Upload a model of ae_zoo",
                revision=revision,
            )
    return f"hf://{repo_id}" + (f"@{revision}" if revision else "")


def _add_metadata(folder: pathlib.Path, name: str, license: str | None) -> None:
    """Begin the README with what the Hub shows and searches, and list it again."""
    key = (license or "").strip().lower().replace(" ", "-")
    lines = ["---", "library_name: keras", "tags:", "- autoencoder", "- ae_zoo"]
    if key in _LICENSES:
        lines.append(f"license: {key}")
    elif license:
        lines.append("license: other")
    readme = folder / "README.md"
    text = readme.read_text("utf-8")
    text = re.sub(r'ae_zoo\.load\("[^"]*"\)', f'ae_zoo.load("{name}")', text, count=1)
    readme.write_text("\n".join([*lines, "---", text]), "utf-8")
    checksums.write_checksums(folder)


def _additions(folder: pathlib.Path) -> list[Any]:
    from huggingface_hub import CommitOperationAdd

    return [CommitOperationAdd(path.name, path) for path in sorted(folder.iterdir())]


def _private_folder() -> pathlib.Path:
    folder = pathlib.Path(tempfile.mkdtemp(prefix="ae_zoo-hub-"))
    if not _folders:
        atexit.register(_remove_folders)
    _folders.append(folder)
    return folder


def _remove_folders() -> None:
    for folder in _folders:
        shutil.rmtree(folder, ignore_errors=True)


def _api(token: str | None) -> Any:
    try:
        import huggingface_hub
    except ImportError as error:
        raise ImportError(
            "Repositories of the Hugging Face Hub need the package huggingface_hub. "
            "Install it with: pip install 'ae-zoo[hub]'"
        ) from error
    # huggingface_hub itself reads the variable once, when it is imported.
    endpoint = os.environ.get("HF_ENDPOINT") or None
    return huggingface_hub.HfApi(endpoint=endpoint, token=token)


@contextlib.contextmanager
def _explained(name: str) -> Iterator[None]:
    """Turn errors of huggingface_hub into one sentence each."""
    from huggingface_hub import errors

    missing = (
        errors.RepositoryNotFoundError,
        errors.RevisionNotFoundError,
        errors.EntryNotFoundError,
    )
    try:
        yield
    except errors.GatedRepoError as error:
        raise FileNotFoundError(
            f"'{name}' asks its users to accept terms. Do so on its page, and log in "
            "with `hf auth login`."
        ) from error
    except missing as error:
        raise FileNotFoundError(
            f"There is no repository or revision '{name}', or you may not read or "
            "write it. For a private one, log in with `hf auth login`."
        ) from error
    except UnsafeModelError:
        raise
    except Exception as error:  # the errors of its HTTP client differ by version
        if isinstance(error, (TypeError, ImportError)):
            raise
        raise OSError(
            f"The exchange with the Hugging Face Hub failed for '{name}': "
            f"{type(error).__name__}: {clean(str(error), 300)}"
        ) from error
